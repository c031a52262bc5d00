"""What a deployment starts from, and which step comes next."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from imgctl.aws.errors import none_if_missing
from imgctl.aws.session import Aws
from infra import ownership, snapshots
from infra.deployed_stack import AdoptionStep, DeployedStack
from infra.names import Names
from infra.ownership import ExistingResources
from infra.snapshots import ResourceProperties, next_migration_step
from infra.stack_context import StackContext
from infra.template import has_other_indexes


@dataclass(frozen=True, slots=True)
class DeploymentState:
    """What a deployment starts from, observed at one moment.

    `existing` is what is to be imported; `snapshots` are the properties of buckets and table,
    before the import or during an adoption, and otherwise of the stack's table. `customer_keys`
    are the keys that encrypt them.
    """

    deployed: DeployedStack
    has_api_logging_role: bool
    existing: ExistingResources = field(default_factory=ExistingResources)
    snapshots: Mapping[str, ResourceProperties] = field(default_factory=dict)
    customer_keys: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class DeploymentStep:
    """The next thing to deploy.

    It is the whole stack, or with `adoption` only these `resources`, or with `table` only a
    change of the indexes of the deployed table.
    """

    adoption: AdoptionStep | None = None
    resources: Mapping[str, ResourceProperties] = field(default_factory=dict)
    table: ResourceProperties | None = None

    @property
    def is_last_step(self) -> bool:
        """Whether nothing follows this step."""
        return self.adoption is None and self.table is None


WHOLE_STACK = DeploymentStep()


def observe(context: StackContext, deployed: DeployedStack, *, adopt: bool) -> DeploymentState:
    """Read what the next step depends on, once the stack itself has been read.

    With `adopt`, untagged buckets and tables with the stack's names are to be imported as well.
    Raises NameTaken if one of the names is in use by anything else.
    """
    aws, names = context.aws, context.names
    existing = ExistingResources()
    if not deployed.is_deployed:
        find = ownership.find_existing if adopt else ownership.find_kept
        existing = find(aws, names, context.stack)
    partial = existing.names
    if deployed.adoption_step is not None:
        listed = ownership.listed_names(names, deployed, context.client.list_resources(deployed))
        partial = tuple(name for name in names.holds_data if name in listed)
    elif has_other_indexes(deployed.template) and _has_table(aws, deployed, names):
        partial = (names.table,)
    if partial and names.table in partial:
        snapshots.wait_until_settled(aws.dynamodb, names.table, context.client.sleep)
    keys = ownership.customer_keys(aws, names, partial)
    return DeploymentState(
        deployed,
        has_api_logging_role=has_api_logging_role(aws, deployed),
        existing=existing,
        snapshots=snapshots.take(aws, names, partial, keys),
        customer_keys=frozenset(keys),
    )


def next_step(state: DeploymentState, names: Names) -> DeploymentStep:
    """Decide what to deploy next: an import, a change of an imported table, or the whole stack."""
    if state.existing.names:
        return DeploymentStep(AdoptionStep.IMPORT, state.snapshots)
    if state.deployed.adoption_step is not None and names.table in state.snapshots:
        table = next_migration_step(state.snapshots[names.table])
        if table is not None:
            return DeploymentStep(AdoptionStep.TABLE, {**state.snapshots, names.table: table})
    if state.deployed.is_deployed and state.deployed.adoption_step is None:
        deployed_table = state.snapshots.get(names.table, {})
        # Other capacity was set by hand, and an update with other indexes would not change it.
        if deployed_table.get("BillingMode") == "PAY_PER_REQUEST":
            return DeploymentStep(table=next_migration_step(deployed_table))
    return WHOLE_STACK


def _has_table(aws: Aws, deployed: DeployedStack, names: Names) -> bool:
    """Return whether the stack's table exists, and keeps its name in this deployment."""
    if deployed.parameters.get("TableName") != names.table:
        return False
    describe = aws.dynamodb.describe_table
    return none_if_missing(describe, "ResourceNotFoundException", TableName=names.table) is not None


def has_api_logging_role(aws: Aws, deployed: DeployedStack) -> bool:
    """Return whether the account has a logging role for API Gateway that is not the stack's own.

    A stack that has created the role keeps it. During an adoption the parameter says what
    the whole stack is to do, which has not been done yet.
    """
    if deployed.is_deployed and deployed.adoption_step is None:
        return deployed.parameters.get("ApiLoggingRole") != "create"
    return ownership.api_logging_role(aws.apigateway) is not None
