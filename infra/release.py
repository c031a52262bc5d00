"""Make new code, or another version, live in a deployed stack, and change nothing else.

CloudFormation does it, with the template and the parameters that the stack was deployed with: so
the next deployment finds what it expects, and undoes nothing.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from imgctl.core.errors import Hint
from infra.bundle import Bundle
from infra.change_sets import ChangeSetRequest
from infra.deployed_stack import DeployedStack, RollbackTriggers
from infra.deployment import with_release
from infra.errors import DeployError, StackChanged
from infra.function_version import Version, check_compatible
from infra.plan import Plan, assemble_plan
from infra.planning import planned_change_set
from infra.recovery import check_updatable
from infra.rollout import all_at_once, check_completion, triggers_restored
from infra.settings import AT_ONCE
from infra.stack_context import StackContext
from infra.template import with_new_version


@contextmanager
def planned_publish(
    context: StackContext, deployed: DeployedStack, bundle: Bundle, *, at_once: bool = False
) -> Iterator[Plan]:
    """Plan new code as the live version; the plan is discarded unless it is applied inside.

    The version is released as the stack's deployed settings say, unless it is to be `at_once`. The
    newest version, if it has a part of the invocations already, is given all of them.
    """
    changes = {"CodeKey": bundle.key, "LiveVersion": ""}
    rollout = AT_ONCE if at_once else deployed.parameters.get("Rollout", AT_ONCE)
    with _planned(context, deployed, changes, rollout) as plan:
        yield plan


@contextmanager
def planned_rollback(
    context: StackContext, deployed: DeployedStack, version: Version
) -> Iterator[Plan]:
    """Plan a version as the live one; the plan is discarded unless it is applied inside.

    It takes all invocations at once. Raises VersionIncompatible if it cannot run in the stack as it
    is deployed.
    """
    check_compatible(version, deployed.parameters)
    changes = {"LiveVersion": str(version.number)}
    with _planned(context, deployed, changes, AT_ONCE) as plan:
        yield plan


@contextmanager
def planned_completion(context: StackContext, before: RollbackTriggers) -> Iterator[Plan]:
    """Plan the second step of a gradual release: the new version takes all invocations.

    `before` is what CloudFormation watched before the first step, and watches again. The plan is
    discarded unless it is applied inside. Raises StackChanged if somebody else has ended the
    release since its first step, and RolloutBlocked if the version fails.
    """
    deployed = context.client.read(context.stack)
    check_updatable(deployed)
    if not deployed.canary_weight:
        raise StackChanged(context.stack)
    check_completion(context.aws, deployed, context.client.list_resources(deployed))
    triggers = triggers_restored(context.stack, before, deployed.triggers)
    parameters = all_at_once(deployed.parameters)
    request = ChangeSetRequest(deployed.template, parameters, triggers=triggers)
    with planned_change_set(context.client, deployed, request) as change_set:
        yield assemble_plan(deployed, change_set, request.parameters)


@contextmanager
def _planned(
    context: StackContext, deployed: DeployedStack, changes: Mapping[str, str], rollout: str
) -> Iterator[Plan]:
    check_updatable(deployed)
    if not deployed.parameters.keys() >= changes.keys():
        raise DeployError(
            f"The stack {context.stack} is not deployed, or was deployed by an earlier imgctl.",
            hint=Hint("Run {} first.", "deploy"),
        )
    parameters = {**deployed.parameters, **changes}
    if deployed.canary_weight:
        parameters["CanaryWeight"] = ""
    template = with_new_version(deployed.template, deployed.parameters, parameters)
    request = ChangeSetRequest(template, parameters)
    request, planned_release = with_release(context, deployed, request, rollout)
    with planned_change_set(context.client, deployed, request) as change_set:
        yield assemble_plan(deployed, change_set, request.parameters, release=planned_release)
