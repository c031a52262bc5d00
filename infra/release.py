"""Make new code, or an earlier version, live in a deployed stack, and change nothing else.

CloudFormation does it, with the template and the parameters that the stack was deployed with: so
the next deployment finds what it expects, and undoes nothing.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from imgctl.core.errors import Hint
from infra.bundle import Bundle
from infra.change_sets import ChangeSetRequest
from infra.deployed_stack import DeployedStack, check_updatable
from infra.deployment import StackContext
from infra.errors import DeployError
from infra.function_version import Version, check_compatible
from infra.plan import Plan, assemble_plan
from infra.template import with_new_version


@contextmanager
def planned_publish(
    context: StackContext, deployed: DeployedStack, bundle: Bundle
) -> Iterator[Plan]:
    """Plan new code as the live version; the plan is discarded unless it is applied inside."""
    with _planned(context, deployed, {"CodeKey": bundle.key, "LiveVersion": ""}) as plan:
        yield plan


@contextmanager
def planned_rollback(
    context: StackContext, deployed: DeployedStack, version: Version
) -> Iterator[Plan]:
    """Plan a version as the live one; the plan is discarded unless it is applied inside.

    Raises VersionIncompatible if it cannot run in the stack as it is deployed.
    """
    check_compatible(version, deployed.parameters)
    with _planned(context, deployed, {"LiveVersion": str(version.number)}) as plan:
        yield plan


@contextmanager
def _planned(
    context: StackContext, deployed: DeployedStack, changes: Mapping[str, str]
) -> Iterator[Plan]:
    check_updatable(deployed)
    if not deployed.parameters.keys() >= changes.keys():
        raise DeployError(
            f"The stack {context.stack} is not deployed, or was deployed by an earlier imgctl.",
            hint=Hint("Run {} first.", "deploy"),
        )
    parameters = {**deployed.parameters, **changes}
    template = with_new_version(deployed.template, deployed.parameters, parameters)
    change_set = context.client.create_change_set(deployed, ChangeSetRequest(template, parameters))
    try:
        yield assemble_plan(deployed, change_set, parameters)
    finally:
        context.client.discard(change_set)
