"""Pictures of results, between the lines that a command prints."""

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from imgctl.cli.app import App
from imgctl.cli.text import printable
from imgctl.core.record import Record

if TYPE_CHECKING:
    from PIL.Image import Image
    from rich.segment import Segments

    from imgctl.core.geometry import Size


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as a terminal is told it."""

    text: str

    def rendered(self, width: int) -> "Segments":  # noqa: ARG002
        """Return the form for a terminal."""
        from rich.segment import ControlType, Segment, Segments

        # As a control, rich leaves it as it is.
        return Segments([Segment(self.text, None, [(ControlType.CURSOR_FORWARD, 0)])])

    def lines(self) -> str:
        """Return the form for a pipe, which has no pictures."""
        return ""


@contextmanager
def previews(app: App, *, wanted: bool, share: int) -> Iterator[Callable[[Record], None]]:
    """Show results as pictures if that is `wanted`, each at most one `share`-th of a screen high.

    Yields what shows the result of a record, or says why that is impossible. That needs a terminal
    with colors: elsewhere there are none, and one line says so. Raises click's UsageError with
    --json, and PreviewNotInstalled.
    """
    if wanted and app.ui.json_wanted:
        raise click.UsageError("Use one of --preview and --json.")
    if not wanted or not _can_show(app):
        yield lambda record: None  # noqa: ARG005
        return
    from botocore.exceptions import BotoCoreError, ClientError

    from imgctl.cli import terminal_graphics
    from imgctl.core.errors import ImgctlError
    from imgctl.operations.preview import NoPreview, preview
    from imgctl.sandbox.child import ChildNotStarted, spawn
    from imgctl.sandbox.process import ResizeProcess

    terminal_graphics.check_installed()
    console = app.ui.stdout_console()
    graphics = terminal_graphics.read_graphics(
        sys.stdout.fileno(), os.environ, console.color_system or "standard"
    )
    process = ResizeProcess(spawn)

    def show(record: Record) -> None:
        box = graphics.box(console.width - 1, max(4, console.height // share))
        try:
            picture = decoded_bitmap(preview(app.aws.s3, record, process.resize, box), box)
        except (NoPreview, ImgctlError, ChildNotStarted, BotoCoreError, ClientError) as error:
            key = printable(record.original_object_key or "")
            app.ui.info(f"No preview of {key}: {_reason(error)}")
            return
        app.ui.print(Picture(terminal_graphics.drawn(picture, graphics)))

    try:
        yield show
    finally:
        process.close()


def _can_show(app: App) -> bool:
    if not sys.stdout.isatty():
        app.ui.info("No previews: stdout is not a terminal.")
        return False
    console = app.ui.stdout_console()
    if console.color_system is None or console.no_color:
        app.ui.info("No previews: the terminal shows no colors.")
        return False
    return True


def _reason(error: Exception) -> str:
    from imgctl.aws.errors import translate
    from imgctl.core.errors import ImgctlError

    known = error if isinstance(error, ImgctlError) else translate(error)
    return printable(str(error) if known is None else known.message)


def decoded_bitmap(bitmap: bytes, box: "Size") -> "Image":
    """Read the bitmap of the other process, and put it on white.

    A picture may have taken over that process: raises NoPreview for what it was not asked for.
    """
    from PIL import Image

    from imgctl.operations.preview import NoPreview

    try:
        with Image.open(io.BytesIO(bitmap), formats=("BMP",)) as image:
            if image.width > box.width or image.height > box.height:
                raise ValueError(f"{image.size} is larger than {box}")
            pixels = image.convert("RGBA")
    except Exception as error:  # whatever is wrong with it
        raise NoPreview("the picture could not be reduced") from error
    picture = Image.new("RGB", pixels.size, "white")
    picture.paste(pixels, mask=pixels)
    return picture
