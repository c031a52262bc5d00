"""What a person or a script sees: results on stdout, the story on stderr."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import click

from imgctl.cli.text import printable, printable_json

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from imgctl.cli.tables import Grid
    from imgctl.cli.text import Line

SCHEMA = 1
"""The version of every JSON document that imgctl prints."""


class Advance(Protocol):
    """Progress that can be told of."""

    def __call__(self, done: int) -> None:
        """Tell that so many more are done."""


class Ui:
    """One run's voice."""

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

    @property
    def interactive(self) -> bool:
        """Whether there is a person to ask."""
        return sys.stdin.isatty() and not self.json_wanted

    @property
    def can_prompt(self) -> bool:
        """Whether a question is put to a person, and not answered by --yes."""
        return self.interactive and not self._yes

    def result(self, document: dict[str, Any], rendered: "Grid | str") -> None:
        """Print the command's result: as one JSON document where --json is given."""
        if self.json_wanted:
            text = json.dumps({"schema": SCHEMA, **document}, ensure_ascii=False, indent=2)
            click.echo(printable_json(text))
        elif rendered:
            self.print(rendered)

    def print(self, part: "Grid | Line | str") -> None:
        """Print a part of a result that grows; --json prints its document at the end instead.

        Off a terminal a grid is lines of values, with tabs between.
        """
        if self.json_wanted:
            return
        if not sys.stdout.isatty():  # plainly: thousands of lines for a pipe should cost no layout
            click.echo(part if isinstance(part, str) else part.lines())
            return
        rendered = part if isinstance(part, str) else part.table()
        # Above the bar where one is shown on the same terminal.
        console = self._bar_console or self._console(sys.stdout)
        _put(console, rendered)

    def info(self, text: "str | Grid") -> None:
        """Tell of progress or of a fact on stderr; silent where --quiet is given."""
        if not self._quiet and not self.json_wanted:
            self._print(text)

    def warn(self, text: str) -> None:
        """Tell what must not be missed, whatever --quiet and --json say; on stderr."""
        if self.json_wanted:
            click.echo(printable_json(json.dumps({"warning": text}, ensure_ascii=False)), err=True)
        else:
            self._print(text)

    def debug(self, text: str) -> None:
        """Tell what only --verbose asks for."""
        if self.verbose:
            self._print(text)

    def confirm(self, question: str, *, expected: str | None = None) -> bool:
        """Ask before something is changed; `expected` has to be typed where it is given.

        Raises click's UsageError where an answer is needed and nobody can be asked.
        """
        if self._yes:
            return True
        if not self.interactive:
            raise click.UsageError(f"Nobody is there to answer {question!r} Give --yes.")
        if expected is None:
            return click.confirm(question, err=True)
        answer = click.prompt(
            f"{question} Type '{expected}' to go on", err=True, default="", show_default=False
        )
        return str(answer).strip() == expected

    @contextmanager
    def working(self, what: str) -> Iterator[None]:
        """Show that something takes a while: a spinner on a terminal, a line elsewhere."""
        if self._quiet or self.json_wanted:
            yield
            return
        started_s = time.monotonic()
        if sys.stderr.isatty():
            with self._console(sys.stderr).status(what):
                yield
        else:
            yield
        self._print(f"{what} ({time.monotonic() - started_s:.1f} s)")

    @property
    def can_draw(self) -> bool:
        """Whether what is under way can be drawn, and drawn again, on stderr."""
        return not self._quiet and not self.json_wanted and sys.stderr.isatty()

    @contextmanager
    def drawing(
        self, so_far: "Callable[[], RenderableType]", in_the_end: "Callable[[], RenderableType]"
    ) -> Iterator[None]:
        """Draw what is under way, again and again, and then once what became of it, if anything."""
        if not self.can_draw:
            yield
            return
        from rich.live import Live

        console = self._console(sys.stderr)
        try:
            with Live(
                get_renderable=so_far, console=console, transient=True, redirect_stdout=False
            ):
                yield
        finally:
            if drawn := in_the_end():
                console.print(drawn)

    @contextmanager
    def progress(self, what: str, total: int | None) -> Iterator[Advance]:
        """Show a bar over `total` steps on a terminal, and nothing elsewhere.

        Where nobody knows how many there will be, it counts.
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
            console=self._console(sys.stderr),
            transient=True,
            redirect_stdout=False,  # a pipe may be waiting for it
        )
        self._bar_console = bar.console
        with bar:
            task = bar.add_task(what, total=total, rate="")

            def step(done: int) -> None:
                speed = bar.tasks[0].speed
                bar.update(task, advance=done, rate=f"{speed:.1f}/s" if speed else "")

            try:
                yield step
            finally:
                self._bar_console = None

    def error(self, code: str, message: str, hint: str) -> None:
        """Tell what went wrong, and what to do next."""
        if self.json_wanted:
            error = {"code": code, "message": message, "hint": hint}
            click.echo(printable_json(json.dumps({"error": error}, ensure_ascii=False)), err=True)
            return
        text = printable(message) + (f"\n  {printable(hint)}" if hint else "")
        if not sys.stderr.isatty():
            click.echo(f"Error: {text}", err=True)
            return
        from rich.text import Text

        self._console(sys.stderr).print(Text.assemble(("Error: ", "bold red"), text))

    def _print(self, what: "Grid | str") -> None:
        if not sys.stderr.isatty():
            click.echo(what if isinstance(what, str) else what.lines(), err=True)
            return
        _put(self._console(sys.stderr), what if isinstance(what, str) else what.table())

    def _console(self, terminal: Any) -> "Console":
        from rich.console import Console

        return Console(
            file=terminal, no_color=self._no_color or None, highlight=False, markup=False
        )


def _put(console: "Console", rendered: "RenderableType") -> None:
    """Print; only what is laid out in columns is broken into lines, all else can be copied."""
    from rich.table import Table

    console.print(rendered, soft_wrap=not isinstance(rendered, Table))
