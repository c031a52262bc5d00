"""`imgctl policy`."""

import json
from typing import TYPE_CHECKING, cast

import click

from imgctl.cli.app import app_of
from imgctl.cli.options import Command

if TYPE_CHECKING:
    from imgctl.cli.stack_documents import IamPolicy, PolicyDocument


@click.command(
    cls=Command,
    examples=[
        "imgctl policy deployer > deployer.json",
        "imgctl policy operator --stack photos",
    ],
)
@click.argument(
    "name",
    metavar="NAME",
    type=click.Choice(
        [
            "boundary-guard",
            "deployer",
            "deployer-data",
            "destroyer",
            "eraser",
            "operator",
            "planner",
            "release-pipeline",
            "role-boundary",
        ]
    ),
)
@click.pass_context
def policy(context: click.Context, *, name: str) -> int:
    """Print an IAM policy with the exact names of the stack.

    NAME is operator, eraser, planner, deployer, deployer-data or destroyer: a deployer needs the
    two, and destroy all three. release-pipeline, role-boundary and boundary-guard are for
    deployments with fewer permissions. What the settings do not need is left out. Without
    credentials the policy is made from the settings alone, if these name the account and the
    region.
    """
    from imgctl.cli.policy_scope import read_scope
    from infra.policy_documents import PolicyKind, left_out, narrowed_policy

    app = app_of(context)
    kind, scope = PolicyKind(name), read_scope(app)
    narrowed = narrowed_policy(kind, scope)
    unneeded = left_out(kind, narrowed)
    if len(scope.names) > 1 or len(scope.kms_keys) > 1:
        app.ui.warn(
            f"The stack {scope.stack} is deployed with other names or another KMS key than in the"
            " settings. The policy is for both."
        )
    if unneeded:
        app.ui.info(
            f"Left out, because the settings do not need it: {', '.join(unneeded)}. Print the"
            " policy again when they change."
        )
    if kind is PolicyKind.BOUNDARY_GUARD and not scope.permissions_boundary:
        app.ui.warn(
            "permissions_boundary is not set. The policy is for a boundary that is called"
            " imgctl-role-boundary."
        )
    if kind is PolicyKind.RELEASE_PIPELINE and not scope.service_role:
        app.ui.warn(
            "role_arn is not set. Without a service role for CloudFormation, this policy is not"
            " enough to deploy."
        )
    document: PolicyDocument = {
        "name": name,
        "stack": scope.stack,
        "account": scope.account,
        "region": scope.region,
        "left_out": list(unneeded),
        "policy": cast("IamPolicy", narrowed),
    }
    app.ui.result(document, json.dumps(narrowed, indent=2))
    return 0
