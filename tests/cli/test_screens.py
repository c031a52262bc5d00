"""What a person sees on a terminal of 80 by 24; the snapshots are in tests/screens."""

import os
from pathlib import Path

import pytest

from tests.pictures import encoded, photo
from tests.screen import check_screen, run_on_terminal

LONG_NAME = "a photograph with a rather long name, taken at the lake in summer.jpg"


@pytest.fixture
def album(tmp_path: Path) -> Path:
    folder = tmp_path / "album"
    (folder / "deep").mkdir(parents=True)
    (folder / LONG_NAME).write_bytes(encoded(photo(64, 48), "JPEG"))
    clear = photo(40, 30).convert("RGBA")
    clear.putalpha(90)
    (folder / "glass.png").write_bytes(encoded(clear, "PNG"))
    for name in ("cut one.jpg", "cut two.jpg"):
        (folder / name).write_bytes(encoded(photo(400, 300), "JPEG")[:2000])
    (folder / "empty.jpg").touch()
    (folder / "paper.pdf").write_bytes(b"%PDF-1.7")
    (folder / "link.jpg").symlink_to("nowhere")
    return tmp_path


def show(name: str, *arguments: str, cwd: Path) -> int:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("IMGCTL_", "XDG_"))}
    environment["HOME"] = "/home/me"  # a folder that is shown, and not used
    code, lines = run_on_terminal(arguments, cwd=cwd, environment=environment)
    check_screen(name, lines)
    return code


def test_resize(album: Path) -> None:
    arguments = ("resize", "album", "-o", "small", "--format", "jpeg", "--jobs", "1")
    assert show("resize", *arguments, cwd=album) == 1
    assert show("resize-again", *arguments, cwd=album) == 1
    assert show("resize-dry-run", *arguments, "--dry-run", cwd=album) == 1


def test_errors_of_usage(album: Path) -> None:
    assert show("unknown-option", "resize", "album", "--reclusive", cwd=album) == 2
    assert show("unknown-command", "uplaod", "album", cwd=album) == 2
    assert (
        show("no-such-file", "resize", "a folder that does not exist/nothing.jpg", cwd=album) == 2
    )


def test_settings(album: Path) -> None:
    (album / "imgctl.toml").write_text('stack = "photos"\nquality = 70\n')
    assert show("config", "config", cwd=album) == 0
