"""`imgctl completion`."""

import click

from imgctl.cli.app import app_of
from imgctl.cli.options import Command


@click.command(
    cls=Command,
    examples=[
        "imgctl completion bash > ~/.local/share/bash-completion/completions/imgctl",
        "imgctl completion fish > ~/.config/fish/completions/imgctl.fish",
    ],
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, *, shell: str) -> int:
    """Print the completion script of a shell.

    Save it where your shell finds completions, or evaluate it in your shell's startup file. It
    completes commands, options, files, statuses, profiles, regions, stacks, keys and versions.
    """
    from click.shell_completion import get_completion_class

    from imgctl.cli.documents import CompletionDocument
    from imgctl.cli.main import COMPLETION_VARIABLE, imgctl

    script_of = get_completion_class(shell)
    assert script_of is not None
    script = script_of(imgctl, {}, "imgctl", COMPLETION_VARIABLE).source()
    app_of(context).ui.result(CompletionDocument(shell=shell, script=script), script)
    return 0
