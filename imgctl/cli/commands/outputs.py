"""`imgctl outputs`."""

import click

from imgctl.cli.app import app_of
from imgctl.cli.options import Command, completer


@click.command(
    cls=Command, examples=["imgctl outputs", "imgctl outputs SourceBucket", "imgctl outputs --json"]
)
@click.argument("name", required=False, shell_complete=completer("outputs"))
@click.pass_context
def outputs(context: click.Context, *, name: str | None) -> int:
    """Print the stack's outputs, or the value of one of them.

    The outputs are the names and addresses of its resources.
    """
    from imgctl.aws.stack import describe, working_outputs
    from imgctl.cli.tables import pairs_grid
    from imgctl.core.errors import InvalidInput

    app = app_of(context)
    stack = app.settings.stack
    found = working_outputs(describe(app.aws, stack), app.aws.endpoint_url)
    if name is None:
        app.ui.result({"stack": stack, "outputs": found}, pairs_grid(sorted(found.items())))
        return 0
    if name not in found:
        names = ", ".join(sorted(found)) or "none yet"
        raise InvalidInput(
            f"The stack {stack} has no output {name}.", hint=f"Its outputs are: {names}."
        )
    app.ui.result({"stack": stack, "outputs": {name: found[name]}}, found[name])
    return 0
