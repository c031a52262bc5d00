"""What the commands that change a stack share: which stack it is, and what is under way on it."""

from typing import TYPE_CHECKING

from imgctl.cli.app import App
from imgctl.cli.deploy_progress import following

if TYPE_CHECKING:
    from infra.deployed_stack import DeployedStack
    from infra.stack_context import StackContext
    from infra.stored_plan import Target


def stack_context(app: App) -> "StackContext":
    """Return the stack in the account and region in use, with its resources' names."""
    from infra.names import stack_names
    from infra.stack_context import StackContext, stack_client

    stack, aws = app.settings.stack, app.aws
    chosen = app.settings.stack_settings.chosen_names
    names = stack_names(stack, aws.account_id, aws.region, chosen)
    client = stack_client(aws, app.ui.warn, app.settings.role_arn)
    return StackContext(aws, client, stack, names)


def target_of(context: "StackContext") -> "Target":
    """Return where the stack is, as a stored plan says it."""
    from infra.stored_plan import Target

    aws = context.aws
    partition = aws.session.get_partition_for_region(aws.region)
    return Target(aws.account_id, aws.region, partition, context.stack)


def read_settled(app: App, context: "StackContext") -> "DeployedStack":
    """Read the stack; if another run of imgctl is deploying it, follow that to its end first.

    Raises StackBusy if another program is changing the stack, and DeployError if the deployment
    that was followed fails.
    """
    deployed = context.client.read(context.stack)
    if not deployed.is_pending:
        return deployed
    app.ui.info(f"A deployment of the stack {context.stack} is under way. Following it to its end:")
    if deployed.canary_weight:
        minutes = deployed.triggers.minutes
        app.ui.info(
            "It releases a version gradually: after its changes CloudFormation watches the alarm"
            f" for {minutes} minutes."
        )
    with following(app, context.stack) as on_event:
        context.client.resume(deployed, on_event)
    app.ui.info("That deployment is complete. Planning your changes:")
    return context.client.read(context.stack)


def read_deployed(app: App, context: "StackContext") -> "DeployedStack":
    """Read a stack that is to be updated, and use its outputs for the rest of this run.

    A deployment that is under way is followed to its end first. Raises StackNotFound, StackBusy or
    StackNotUpdatable if the stack cannot be updated.
    """
    from imgctl.aws.stack import not_found, parse_outputs
    from infra.recovery import check_updatable

    deployed = read_settled(app, context)
    if not deployed.exists:
        raise not_found(context.stack)
    check_updatable(deployed)
    app.outputs = parse_outputs(
        deployed.outputs, stack=context.stack, endpoint_url=app.aws.endpoint_url
    )
    return deployed


def report_service_role(app: App, deployed: "DeployedStack") -> None:
    """Say which role CloudFormation acts with, if it is one other than the caller."""
    wanted, remembered = app.settings.role_arn, deployed.role_arn
    if wanted and remembered and wanted != remembered:
        app.ui.info(f"CloudFormation will act with the role {wanted} instead of {remembered}.")
    elif wanted:
        app.ui.info(f"CloudFormation acts with the role {wanted}.")
    elif remembered:
        app.ui.info(f"CloudFormation acts with the role {remembered}, which the stack remembers.")


def location(app: App) -> str:
    """Return where the stack is, for a question."""
    if app.aws.is_local:
        return "the embedded AWS on this machine"
    return f"account {app.aws.account_id}, {app.aws.region}"
