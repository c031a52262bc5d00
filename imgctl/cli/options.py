"""The global options, and commands that accept them before or after their name.

Nothing but click is imported here: this is all that `imgctl --help` needs.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import click

Completer: TypeAlias = Callable[[click.Context, click.Parameter, str], list[str]]

_OPTIONS = "imgctl.options"


def set_option(context: click.Context, setting: str, value: Any) -> None:
    """Record a setting from the command line, before `app_of` resolves them all."""
    context.meta.setdefault(_OPTIONS, {})[setting] = value


def given_options(context: click.Context) -> dict[str, Any]:
    """Return the settings that the command line has set so far."""
    options: dict[str, Any] = context.meta.get(_OPTIONS, {})
    return options


def completer(names: str) -> Completer:
    """Return what completes these names, a function of `imgctl.cli.completion`.

    It is imported when a shell asks, so that other runs do not pay for it.
    """

    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001
        from imgctl.cli import completion

        return completion.complete(names, context, incomplete)

    return complete


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value is not None and parameter.name is not None:
        set_option(context, parameter.name, value)


def _option(
    *names: str,
    description: str,
    metavar: str | None = None,
    type_: click.ParamType[Any] | None = None,
    complete: Completer | None = None,
) -> click.Option:
    return click.Option(
        names,
        help=description,
        metavar=metavar,
        type=type_,
        shell_complete=complete,
        is_flag=metavar is None,
        default=None,
        expose_value=False,
        callback=_remember,
    )


def _global_options() -> list[click.Parameter]:
    return [
        _option(
            "--profile",
            description="AWS profile.",
            metavar="NAME",
            complete=completer("profiles"),
        ),
        _option(
            "--role-arn",
            "assume_role",
            description="IAM role to assume, and to make every call with (setting: assume_role).",
            metavar="ARN",
        ),
        _option(
            "--region", description="AWS region.", metavar="NAME", complete=completer("regions")
        ),
        _option(
            "--stack",
            description="Name of the stack.  [default: imgctl]",
            metavar="NAME",
            complete=completer("stacks"),
        ),
        _option("--local", description="Use the embedded AWS on this machine."),
        _option(
            "--config",
            description="Settings file to use instead of the nearest imgctl.toml.",
            metavar="FILE",
            type_=click.Path(readable=False),
        ),
        _option("--json", description="Print one JSON document."),
        _option("-q", "--quiet", description="Only print results and errors."),
        _option(
            "-v", "--verbose", description="Log each AWS call, and leave nothing out of lists."
        ),
        _option("--debug", description="Show tracebacks."),
        _option("--yes", description="Assume yes for all prompts."),
        _option("--no-color", description="Print without colors."),
    ]


_GLOBAL = {
    "--profile", "--role-arn", "--region", "--stack", "--local", "--config", "--json", "--quiet",
    "--verbose", "--debug", "--yes", "--no-color", "--help", "--version",
}  # fmt: skip


class _Help(click.Command):
    """Lists a command's own options apart from the global ones, and examples between them.

    Each example is one whole command line.
    """

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        own: list[tuple[str, str]] = []
        shared: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            row = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if row is not None:
                (own if _GLOBAL.isdisjoint(parameter.opts) else shared).append(row)
        if own:
            with formatter.section("Options"):
                formatter.write_dl(own)
        if self.examples:
            with formatter.section("Examples"):
                for example in self.examples:
                    formatter.write(f"{'':{formatter.current_indent}}{example}\n")
        with formatter.section("Global options"):
            formatter.write_dl(shared)


class Command(_Help):
    """A command that accepts the global options too."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = {name for parameter in self.params for name in parameter.opts}
        self.params += [p for p in _global_options() if not own & set(p.opts)]


class Group(_Help, click.Group):
    """A group of such commands, which are listed before the options."""

    command_class = Command
    group_class = type

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += _global_options()

    def summary_of(self, ctx: click.Context, name: str) -> str:
        """Return what a command does, for a list: the first line of its help."""
        command = self.get_command(ctx, name)
        first_line = ((command and command.help) or "").partition("\n")[0]
        return first_line.removesuffix(".")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, and then the options."""
        rows = [(name, self.summary_of(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
        super().format_options(ctx, formatter)
