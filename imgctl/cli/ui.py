"""What people and scripts see: results on stdout, everything else on stderr."""

import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

from imgctl.cli.layout import Line, wrapped
from imgctl.cli.text import duration_text, printable, printable_json, printable_lines

if TYPE_CHECKING:
    from types import FrameType

    from rich.console import Console, RenderableType

    from imgctl.cli.documents import Document, ErrorDocument, WarningDocument


T = TypeVar("T")

_FRAMES_PER_S = 5


class Advance(Protocol):
    """Reports progress."""

    def __call__(self, done: int) -> None:
        """Report how many more items are done."""


def counted(items: Iterable[T], advance: Advance) -> Iterator[T]:
    """Yield items, and report each as done once the next one is asked for."""
    for item in items:
        yield item
        advance(1)


class Part(Protocol):
    """A part of the output that looks different on a terminal and in a pipe."""

    def rendered(self, width: int) -> "RenderableType":
        """Return the form for a terminal of this width."""

    def lines(self) -> str:
        """Return the form for a pipe: one line per row, cells separated by tabs."""


@contextmanager
def _finished_first() -> Iterator[None]:
    """Let Ctrl-C wait until the block is done: what is half printed would be printed twice."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed: list[tuple[int, FrameType | None]] = []
    before = signal.signal(signal.SIGINT, lambda *event: pressed.append(event))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)
    if pressed and callable(before):
        before(*pressed[0])


class Ui:
    """The streams and the terminal of one run."""

    def __init__(
        self,
        *,
        json_wanted: bool,
        quiet: bool,
        verbose: bool,
        show_tracebacks: bool,
        yes: bool,
        no_color: bool,
    ) -> None:
        self.json_wanted = json_wanted
        self.verbose = verbose
        self.show_tracebacks = show_tracebacks
        self._bar_console: Console | None = None
        self._quiet = quiet
        self._yes = yes
        self._no_color = no_color
        self._shown_hints: set[str] = set()

    @property
    def interactive(self) -> bool:
        """Whether a person can be asked."""
        return sys.stdin.isatty() and not self.json_wanted

    @property
    def can_prompt(self) -> bool:
        """Whether a question would be put to a person, and not be answered by --yes."""
        return self.interactive and not self._yes

    def result(self, document: "Document", rendered: "Part | str") -> None:
        """Print the command's result: the document with --json, else the rendered form."""
        if self.json_wanted:
            from imgctl.cli.documents import SCHEMA

            text = json.dumps({"schema": SCHEMA, **document}, ensure_ascii=False, indent=2)
            click.echo(printable_json(text))
        elif rendered:
            self.print(rendered)

    def print(self, part: "Part | str") -> None:
        """Print a part of the result as it becomes known; with --json only `result` prints.

        If stdout is not a terminal, a grid is printed as lines of tab-separated values.
        """
        if self.json_wanted:
            return
        if isinstance(part, str):
            part = printable_lines(part)
        if not sys.stdout.isatty():  # thousands of lines for a pipe should cost no layout
            click.echo(part if isinstance(part, str) else part.lines())
            return
        with _finished_first():
            self._print_to_terminal(part)

    def _print_to_terminal(self, part: "Part | str") -> None:
        # Above the progress bar, if one is shown.
        console = self._bar_console or self._console(sys.stdout)
        rendered = (
            part
            if isinstance(part, str)  # a path or an address, which is copied as it is
            else self._without_shown_hint(part).rendered(console.width)
        )
        console.print(rendered, soft_wrap=True)

    @property
    def can_page(self) -> bool:
        """Whether a result that does not fit the screen can be shown in the pager."""
        return sys.stdout.isatty() and self.interactive

    def page(self, parts: "Iterable[Part]") -> bool:
        """Show parts of the result in the user's pager, each produced when there is room for it.

        Return whether all were produced: the user can leave the pager before.
        """
        remaining = iter(parts)
        click.echo_via_pager(self._captured(part) for part in remaining)
        return next(remaining, None) is None

    def _captured(self, part: "Part") -> str:
        console = self._console(sys.stdout)
        with console.capture() as captured:
            console.print(part.rendered(console.width), soft_wrap=True)
        return captured.get()

    def _without_shown_hint(self, part: "Part") -> "Part":
        """Return the part; a line without its hint if an earlier line showed the same one."""
        if not isinstance(part, Line) or not part.hint:
            return part
        if part.hint in self._shown_hints:
            return replace(part, hint="")
        self._shown_hints.add(part.hint)
        return part

    def info(self, text: "str | Part") -> None:
        """Print progress or a fact to stderr; silent with --quiet and --json."""
        if not self._quiet and not self.json_wanted:
            self._print(text)

    def warn(self, text: str) -> None:
        """Print to stderr what must not be missed, even with --quiet and --json."""
        if self.json_wanted:
            warning: WarningDocument = {"warning": text}
            click.echo(printable_json(json.dumps(warning, ensure_ascii=False)), err=True)
        else:
            self._print(text)

    def debug(self, text: str) -> None:
        """Print to stderr what only --verbose asks for."""
        if self.verbose:
            self._print(text)

    def confirm(self, question: str, *, expected: str | None = None) -> bool:
        """Ask before something is changed; `expected`, if given, has to be typed.

        Raises click's UsageError where a person would have to be asked and cannot be.
        """
        if self._yes:
            return True
        if not self.interactive:
            raise click.UsageError("Cannot prompt: not a terminal. Pass --yes to confirm.")
        question = printable_lines(question)
        if expected is None:
            return click.confirm(question, err=True)
        answer = click.prompt(
            f"{question} Type '{expected}' to confirm", err=True, default="", show_default=False
        )
        return str(answer).strip() == expected

    def ask_secret(self, question: str) -> str:
        """Ask a person, on a terminal, for what is not shown while it is typed."""
        question = printable(question).rstrip(": ")
        return str(click.prompt(question, err=True, hide_input=True))

    @contextmanager
    def working(self, what: str) -> Iterator[None]:
        """Show a spinner on a terminal while something runs; print a line when it is done."""
        if self._quiet or self.json_wanted:
            yield
            return
        started_s = time.monotonic()
        if sys.stderr.isatty():
            with self._console(sys.stderr).status(what):
                yield
        else:
            yield
        self._print(f"{what} ({duration_text(time.monotonic() - started_s)})")

    @property
    def can_draw(self) -> bool:
        """Whether stderr is a terminal on which progress can be redrawn."""
        return not self._quiet and not self.json_wanted and sys.stderr.isatty()

    @contextmanager
    def drawing(
        self, current: "Callable[[], RenderableType]", final: "Callable[[], RenderableType]"
    ) -> Iterator[None]:
        """Redraw `current` until the block ends, then print `final` once, unless it is empty."""
        if not self.can_draw:
            yield
            return
        from rich.live import Live

        console = self._console(sys.stderr)
        try:
            with Live(
                get_renderable=current, console=console, transient=True, redirect_stdout=False
            ):
                yield
        finally:
            if rendered := final():
                console.print(rendered)

    @contextmanager
    def progress(self, what: str, total: int | None) -> Iterator[Advance]:
        """Show a progress bar over `total` items on a terminal, and nothing elsewhere.

        If the total is not known in advance, a counter is shown.
        """
        if not self.can_draw:
            yield lambda done: None  # noqa: ARG005
            return
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeRemainingColumn,
        )

        bar = Progress(
            TextColumn("{task.description}"),
            *(
                (SpinnerColumn(), TextColumn("{task.completed:.0f}"))
                if total is None
                else (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            ),
            TextColumn("{task.fields[rate]}"),
            console=self.stderr_console(),
        )
        with self.showing(bar.get_renderable):
            task = bar.add_task(what, total=total, rate="")

            def advance(done: int) -> None:
                speed = bar.tasks[0].speed
                bar.update(task, advance=done, rate=f"{speed:.1f}/s" if speed else "")

            yield advance

    @contextmanager
    def showing(self, current: "Callable[[], RenderableType]") -> Iterator[None]:
        """Show progress until the block ends; what is printed meanwhile is above it.

        `current` is called a few times a second for what to show.
        """
        from rich.live import Live
        from rich.segment import Segments

        console = self._bar_console = self.stderr_console()

        def drawn() -> Segments:
            # Laid out here, and not once more for each line that is printed above it.
            return Segments(console.render(current()))

        try:
            with Live(
                get_renderable=drawn,
                console=console,
                refresh_per_second=_FRAMES_PER_S,
                transient=True,
                redirect_stdout=False,  # stdout may be a pipe
            ):
                yield
        finally:
            self._bar_console = None

    def stdout_console(self) -> "Console":
        """Return rich's console for the terminal that stdout is."""
        return self._console(sys.stdout)

    def stderr_console(self) -> "Console":
        """Return rich's console for the terminal that stderr is."""
        return self._console(sys.stderr)

    def error(self, code: str, message: str, hint: str) -> None:
        """Print what went wrong, and what to do next, to stderr."""
        if self.json_wanted:
            document: ErrorDocument = {"error": {"code": code, "message": message, "hint": hint}}
            click.echo(printable_json(json.dumps(document, ensure_ascii=False)), err=True)
            return
        below = hint.split("\n") if hint else []
        text = "\n".join([printable(message), *(f"  {printable(line)}" for line in below)])
        if not sys.stderr.isatty():
            click.echo(f"Error: {text}", err=True)
            return
        from rich.text import Text

        console = self._console(sys.stderr)
        shown = Text(wrapped(f"Error: {text}", console.width))
        shown.stylize("bold red", 0, len("Error:"))
        console.print(shown, soft_wrap=True)

    def _print(self, part: "Part | str") -> None:
        if isinstance(part, str):
            part = printable_lines(part)
        if not sys.stderr.isatty():
            click.echo(part if isinstance(part, str) else part.lines(), err=True)
            return
        console = self._console(sys.stderr)
        width = console.width
        rendered = wrapped(part, width) if isinstance(part, str) else part.rendered(width)
        console.print(rendered, soft_wrap=True)

    def _console(self, terminal: Any) -> "Console":
        from rich.console import Console

        return Console(
            file=terminal, no_color=self._no_color or None, highlight=False, markup=False
        )
