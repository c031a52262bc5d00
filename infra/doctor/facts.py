"""What a doctor observes about a stack: frozen values, each read by one function of `reading`.

Facts of infra.trigger are observed as well. A resource that does not exist is None.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from infra.deployed_stack import DeployedStack, StackResource
from infra.function_version import Version
from infra.trigger import Alias, ExpectedTrigger, InvokePermission, Notification

T = TypeVar("T")


class NotRead(Exception):
    """A fact could not be observed; the message says why, and which permission is missing."""


@dataclass(frozen=True, slots=True)
class Facts:
    """All facts by their type, or why one could not be read."""

    readings: Mapping[type, object]

    def get(self, kind: type[T]) -> T:
        """Return the fact of this type. Raises NotRead if it could not be read."""
        reading = self.readings.get(kind)
        if isinstance(reading, NotRead):
            raise reading
        if not isinstance(reading, kind):
            raise NotRead("It was not read.")
        return reading


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose credentials are used. `clock_ahead_s` is how far this machine's clock is ahead."""

    account: str
    arn: str
    clock_ahead_s: float


@dataclass(frozen=True, slots=True)
class Rights:
    """The actions of the operator's and of the deployer's policy that the caller lacks."""

    missing_of_operator: tuple[str, ...]
    missing_of_deployer: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stack:
    """The stack, its own list of resources, and the trigger that it describes."""

    deployed: DeployedStack
    resources: tuple[StackResource, ...]
    trigger: ExpectedTrigger
    partition: str = "aws"

    @property
    def parameters(self) -> Mapping[str, str]:
        """The deployed parameters."""
        return self.deployed.parameters

    def physical_id(self, logical_id: str) -> str:
        """Return a resource's physical ID; empty if the stack has none of that name.

        `CodeVersion` and `ApiDeployment` end in a hash.
        """
        for resource in self.resources:
            name = resource.logical_id
            if name == logical_id or (
                logical_id in ("CodeVersion", "ApiDeployment") and name.startswith(logical_id)
            ):
                return resource.physical_id
        return ""


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bucket. `problem` is empty if it exists and belongs to the account, or `is_denied`."""

    name: str
    problem: str = ""
    region: str = ""
    is_denied: bool = False


@dataclass(frozen=True, slots=True)
class Buckets:
    """The buckets that the stack uses."""

    buckets: tuple[Bucket, ...]


@dataclass(frozen=True, slots=True)
class Trigger:
    """What the source bucket notifies."""

    notifications: tuple[Notification, ...]


@dataclass(frozen=True, slots=True)
class Permissions:
    """The statements that let S3 invoke the alias."""

    statements: tuple[InvokePermission, ...]


@dataclass(frozen=True, slots=True)
class LiveAlias:
    """The alias that the trigger invokes."""

    alias: Alias | None


@dataclass(frozen=True, slots=True)
class Function:
    """The function as it is, $LATEST, and whether Lambda can run it."""

    settings: Version
    state: str
    reason: str
    handler: str
    scratch_mb: int


@dataclass(frozen=True, slots=True)
class LiveFunction:
    """What the trigger invokes: a version, or $LATEST. `has_snapshot` is whether one is in use."""

    settings: Version
    scratch_mb: int
    state: str = "Active"
    reason: str = ""
    has_snapshot: bool = False


@dataclass(frozen=True, slots=True)
class Retries:
    """Where the alias sends events that failed; empty for nowhere."""

    destination: str


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of an IAM policy without conditions; patterns as IAM writes them."""

    allows: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Role:
    """A role's inline policies, the services that can assume it, and other policies' names."""

    name: str
    trusted: tuple[str, ...]
    statements: tuple[Statement, ...]
    attached: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FunctionRole:
    """The role of the function."""

    role: Role | None


@dataclass(frozen=True, slots=True)
class ApiRole:
    """The role with which the API writes to the source bucket."""

    role: Role | None


@dataclass(frozen=True, slots=True)
class Table:
    """The table's key and indexes by name, as CloudFormation writes them, without unready ones."""

    keys: tuple[tuple[str, str], ...]
    indexes: Mapping[str, Any]
    unready: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Records:
    """The table; None if it does not exist."""

    table: Table | None


@dataclass(frozen=True, slots=True)
class Api:
    """The REST API, the integration of its PUT method, and the deployment that its stage serves."""

    binary_types: frozenset[str]
    authorization: str
    integration: Mapping[str, str]
    stage_deployment: str


@dataclass(frozen=True, slots=True)
class ApiLogging:
    """The account's role for API Gateway's logs; empty if there is none."""

    role: str


@dataclass(frozen=True, slots=True)
class Bundle:
    """The names of the native libraries of Pillow in the bundle, and whether it exists.

    `sha256` is that of the file in base64, as S3 and Lambda have it; empty if S3 has none.
    """

    exists: bool
    pillow: tuple[str, ...]
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Sdk:
    """The version of botocore that the function logged last; empty if it has not run lately."""

    botocore: str


@dataclass(frozen=True, slots=True)
class Concurrency:
    """Invocations at once: reserved for the function (None for none), and of the account."""

    reserved: int | None
    account: int
    unreserved: int


@dataclass(frozen=True, slots=True)
class Key:
    """The state of the customer managed key; empty if the stack uses none."""

    state: str


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """How many messages wait in the dead-letter queue."""

    count: int


@dataclass(frozen=True, slots=True)
class Alarms:
    """The alarms that are on, those that do not notify, and those that are gone."""

    on: tuple[str, ...]
    silent: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Subscribers:
    """The topics that alarms notify, and how many subscribers of them are confirmed, or not."""

    topics: tuple[str, ...]
    confirmed: int
    pending: int


@dataclass(frozen=True, slots=True)
class RecentImages:
    """What the newest records say: the longest duration, the largest file, and limits reached."""

    count: int
    longest_ms: int
    largest_bytes: int
    too_large: tuple[str, ...]
    too_slow: tuple[str, ...]
