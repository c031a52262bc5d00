"""`imgctl status`."""

import click

from imgctl.cli.app import app_of
from imgctl.cli.options import Command


@click.command(cls=Command, examples=["imgctl status", "imgctl status --json"])
@click.pass_context
def status(context: click.Context) -> int:
    """Show the stack's state, alarms, dead letters and today's work.

    Days begin at midnight in your time zone. What your permissions do not include is shown as not
    permitted. Drift is what CloudFormation found when somebody last asked it.
    """
    from datetime import UTC, datetime

    from imgctl.cli import known_outputs
    from imgctl.cli.status_view import status_document, status_grid
    from imgctl.operations.status import read_status

    app = app_of(context)
    name, aws = app.settings.stack, app.aws
    whose = (app.settings.profile, aws.region, name)
    now = datetime.now(UTC)
    midnight = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    expected = {} if aws.is_local else known_outputs.read(*whose)
    with app.ui.working("Reading the status"):
        current = read_status(aws, name, midnight=midnight, now=now, expected=expected)
    if not aws.is_local and current.stack.outputs != expected:
        known_outputs.store(current.stack.outputs, *whose)
    document = status_document(name, current, app.program)
    app.ui.result(document, status_grid(name, current, app.program))
    return 0
