"""The help of every command on one page, at 80 columns."""

from collections.abc import Iterator

import click

from imgctl.cli.main import imgctl as program

_WIDTH = 78  # click leaves two columns of a terminal's 80 free


def render() -> str:
    """Return every help text below the command that prints it."""
    return "\n".join(
        f"$ {context.command_path} --help\n{context.get_help()}\n" for context in command_contexts()
    )


def command_contexts() -> Iterator[click.Context]:
    """List the program and every command, in the order of the help."""
    root = click.Context(
        program, info_name="imgctl", terminal_width=_WIDTH, **program.context_settings
    )
    yield root
    yield from _below(root, program)


def _below(parent: click.Context, group: click.Group) -> Iterator[click.Context]:
    for name in group.list_commands(parent):
        command = group.get_command(parent, name)
        assert command is not None
        context = click.Context(command, info_name=name, parent=parent)
        yield context
        if isinstance(command, click.Group):
            yield from _below(context, command)
