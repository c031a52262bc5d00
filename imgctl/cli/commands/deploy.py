"""`imgctl deploy`."""

import click

from imgctl.cli.app import app_of
from imgctl.cli.options import Command, set_option


@click.command(
    cls=Command, examples=["imgctl deploy --plan", "imgctl deploy", "imgctl --local deploy --yes"]
)
@click.option("--plan", "plan_only", is_flag=True, help="Show the plan and exit.")
@click.option("--express", is_flag=True, help="Do not wait for resources to become stable.")
@click.option("--cmk", metavar="ARN", help="KMS key ARN to encrypt with (setting: kms_key).")
@click.option(
    "--adopt", is_flag=True, help="Import existing buckets and table with the configured names."
)
@click.option(
    "--allow-data-loss", is_flag=True, help="Allow changes that replace a bucket or the table."
)
@click.option(
    "--revert-drift",
    is_flag=True,
    help="Also change back what was changed outside of imgctl.",
)
@click.pass_context
def deploy(
    context: click.Context,
    *,
    plan_only: bool,
    express: bool,
    cmk: str | None,
    adopt: bool,
    allow_data_loss: bool,
    revert_drift: bool,
) -> int:
    """Create or update the stack.

    Shows the plan and asks before anything is changed. Running it again changes nothing, and says
    what was changed outside of imgctl since.
    """
    from imgctl.cli.deploy_documents import print_outputs
    from imgctl.cli.deploy_workflow import DeployOptions, deploy_stack

    if cmk is not None:
        set_option(context, "kms_key", cmk)
    app = app_of(context)
    options = DeployOptions(plan_only, express, adopt, allow_data_loss, revert_drift)
    done = deploy_stack(app, options)
    if done is None:
        return 0 if plan_only else 1
    print_outputs(app, done)
    return 0
