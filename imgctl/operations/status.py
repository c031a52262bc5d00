"""The state of a stack at a glance, read by calls that do not wait for each other."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from imgctl.aws import dead_letters, metrics, stack
from imgctl.aws.errors import PermissionMissing, translate
from imgctl.aws.metrics import Alarm
from imgctl.aws.session import Aws
from imgctl.core.record import Status, timestamp
from imgctl.operations.history import RecordQuery, find_records
from imgctl.operations.stats import Group

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient

MAX_COUNTED = 1000
"""The most records of today that are counted on the embedded AWS, which has no such metrics."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Known(Generic[T]):
    """A part that was read."""

    value: T


@dataclass(frozen=True, slots=True)
class Unknown:
    """A part that could not be read, and why: for lack of a permission, or because of `reason`.

    `is_missing` is whether the stack does not have the part, or not yet.
    """

    reason: str
    is_denied: bool = False
    is_missing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StackState:
    """The stack as CloudFormation describes it. Times are ISO 8601.

    `drift` is empty unless CloudFormation has looked for drift, at `drift_checked`.
    """

    status: str
    reason: str
    changed: str
    drift: str
    drift_checked: str
    outputs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LiveAlias:
    """The version that the alias points at, and the parts of the invocations that others take.

    Versions are numbers as text, or $LATEST; the parts are from 0 to 1.
    """

    version: str
    weights: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Today:
    """What the function did since midnight; `is_complete` is false if there is more."""

    processed: int
    failed: int
    saved_bytes: int
    is_complete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class StackStatus:
    """What is known of a stack and its work. `live_since` is a time, ISO 8601."""

    stack: StackState
    live: Known[LiveAlias] | Unknown
    live_since: Known[str] | Unknown
    alarms: Known[list[Alarm]] | Unknown
    dead_letters: Known[int] | Unknown
    today: Known[Today] | Unknown


def read_status(
    aws: Aws, name: str, *, midnight: datetime, now: datetime, expected: Mapping[str, str]
) -> StackStatus:
    """Read a stack's status. A part that may not be read, or that fails, is Unknown.

    `expected` are the outputs as they were read before: what needs them is then read at the same
    time as the stack, and once more only if they have changed. Raises StackNotFound, and whatever
    the description of the stack itself raises.
    """
    cloudformation = aws.cloudformation  # clients are not to be created by several threads at once
    with ThreadPoolExecutor(8) as pool:

        def start(read: Callable[..., T], *arguments: object) -> "Future[Known[T] | Unknown]":
            return pool.submit(_attempt, read, *arguments)

        def start_named(outputs: Mapping[str, str]) -> _Named:
            return _Named(
                live=start(_live, aws.lambda_, outputs),
                dead_letters=start(_waiting, aws.sqs, outputs),
                counted=start(_counted, aws.dynamodb, outputs, midnight) if aws.is_local else None,
            )

        description = pool.submit(stack.describe, aws, name)
        live_since = start(_live_since, cloudformation, name)
        named = start_named(expected) if expected else None
        alarms = start(metrics.list_alarms, aws.cloudwatch, name)
        measured = None if aws.is_local else start(_measured, aws.cloudwatch, name, midnight, now)
        state = _state_of(description.result(), aws.endpoint_url)
        if named is None or state.outputs != expected:
            named = start_named(state.outputs)
        today = named.counted if measured is None else measured
        assert today is not None
        return StackStatus(
            stack=state,
            live=named.live.result(),
            live_since=live_since.result(),
            alarms=alarms.result(),
            dead_letters=named.dead_letters.result(),
            today=today.result(),
        )


@dataclass(frozen=True, slots=True)
class _Named:
    """Parts that are read by names which the stack's outputs have."""

    live: "Future[Known[LiveAlias] | Unknown]"
    dead_letters: "Future[Known[int] | Unknown]"
    counted: "Future[Known[Today] | Unknown] | None"


class _NoOutput(Exception):
    """The stack lacks an output: its creation is not complete."""


def _named_output(outputs: Mapping[str, str], name: str) -> str:
    if name not in outputs:
        raise _NoOutput(name)
    return outputs[name]


def _attempt(read: Callable[..., T], *arguments: object) -> Known[T] | Unknown:
    try:
        return Known(read(*arguments))
    except _NoOutput as error:
        return Unknown(f"The stack has no output {error}.", is_missing=True)
    except Exception as error:
        known = translate(error)
        if known is None:
            raise
        return Unknown(known.message, is_denied=isinstance(known, PermissionMissing))


def _state_of(description: "StackTypeDef", endpoint_url: str | None) -> StackState:
    drift = description.get("DriftInformation", {"StackDriftStatus": "NOT_CHECKED"})
    checked: Any = drift.get("LastCheckTimestamp")
    has_drift = checked is not None and drift["StackDriftStatus"] != "NOT_CHECKED"
    changed: Any = description.get("LastUpdatedTime", description["CreationTime"])
    return StackState(
        status=description["StackStatus"],
        reason=description.get("StackStatusReason", ""),
        changed=timestamp(changed),
        drift=drift["StackDriftStatus"] if has_drift else "",
        drift_checked=timestamp(checked) if has_drift else "",
        outputs=stack.working_outputs(description, endpoint_url),
    )


def _live(lambda_: "LambdaClient", outputs: Mapping[str, str]) -> LiveAlias:
    function, _, name = _named_output(outputs, "FunctionAlias").rpartition(":")
    alias: Any = lambda_.get_alias(FunctionName=function, Name=name)
    weights = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    return LiveAlias(
        alias["FunctionVersion"], {version: part for version, part in weights.items() if part}
    )


def _live_since(cloudformation: "CloudFormationClient", name: str) -> str:
    """Return when CloudFormation last changed the alias: versions are made live by it alone."""
    response = cloudformation.describe_stack_resource(
        StackName=name, LogicalResourceId="FunctionAlias"
    )
    return timestamp(response["StackResourceDetail"]["LastUpdatedTimestamp"])


def _waiting(sqs: "SQSClient", outputs: Mapping[str, str]) -> int:
    return dead_letters.count_at(sqs, _named_output(outputs, "DeadLetterQueue"))


def _measured(
    cloudwatch: "CloudWatchClient", name: str, midnight: datetime, now: datetime
) -> Today:
    names = ("Processed", "Failed", "BytesSaved")
    until = max(now, midnight + timedelta(minutes=1))  # a span of no length is refused
    sums = metrics.sums(cloudwatch, f"imgctl/{name}", names, since=midnight, until=until)
    processed, failed, saved = (round(sums[name]) for name in names)
    return Today(processed, failed, saved)


def _counted(dynamodb: "DynamoDBClient", outputs: Mapping[str, str], midnight: datetime) -> Today:
    """Count the records of today: the embedded AWS makes no metrics of the log."""
    table = _named_output(outputs, "Table")
    records = find_records(dynamodb, table, RecordQuery(since=timestamp(midnight)))
    group = Group()
    for record in islice(records, MAX_COUNTED):
        group.add(record)
    return Today(
        processed=group.statuses[Status.SUCCEEDED],
        failed=group.statuses[Status.FAILED],
        saved_bytes=group.saved_bytes,
        is_complete=next(records, None) is None,
    )
