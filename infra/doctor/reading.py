"""Reading the facts. Nothing is changed, and every reading is independent of the others."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError

from imgctl.aws.errors import PermissionMissing, translate
from imgctl.aws.session import Aws
from infra import trigger
from infra.deployed_stack import DeployedStack, StackResource
from infra.doctor import facts
from infra.doctor.facts import Facts, NotRead

_PARALLEL = 12
_CLIENTS = (
    "apigateway",
    "cloudwatch",
    "dynamodb",
    "iam",
    "kms",
    "lambda_",
    "logs",
    "s3",
    "sns",
    "sqs",
    "sts",
)


@dataclass(frozen=True, slots=True)
class Source:
    """Where the facts of one stack are read, and for whom."""

    aws: Aws
    stack: facts.Stack
    caller: facts.Caller
    now: Callable[[], datetime]

    @property
    def account(self) -> str:
        """The account of the stack."""
        return self.stack.trigger.account

    def parameter(self, name: str) -> str:
        """Return a deployed parameter; empty if the stack has none of that name."""
        return self.stack.parameters.get(name, "")


Reader: TypeAlias = Callable[[Source], object]


def read_facts(source: Source, readers: Mapping[type, Reader]) -> Facts:
    """Read all facts at once; what cannot be read is a NotRead that says why."""
    for name in _CLIENTS:  # boto3 makes clients in one thread only
        getattr(source.aws, name)
    with ThreadPoolExecutor(_PARALLEL) as pool:
        pending = {kind: pool.submit(_reading, read, source) for kind, read in readers.items()}
        found = {kind: future.result() for kind, future in pending.items()}
    return Facts({facts.Stack: source.stack, **found})


def _reading(read: Reader, source: Source) -> object:
    try:
        return read(source)
    except (ClientError, BotoCoreError) as error:
        return not_read(error)
    except NotRead as reason:
        return reason


def not_read(error: Exception) -> NotRead:
    """Return why an error of the SDK prevented a reading, without the details of the caller."""
    translated = translate(error)
    if isinstance(translated, PermissionMissing):
        return NotRead(f"{translated.message.partition(': ')[0]}.")
    return NotRead(str(error) if translated is None else translated.message)


def read_caller(aws: Aws, now: Callable[[], datetime]) -> facts.Caller:
    """Return whose credentials these are, and how far this clock is ahead of AWS's."""
    response: Any = aws.sts.get_caller_identity()
    date = response["ResponseMetadata"]["HTTPHeaders"].get("date", "")
    ahead = (now() - parsedate_to_datetime(date)).total_seconds() if date else 0.0
    return facts.Caller(response["Account"], response["Arn"], ahead)


def stack_facts(deployed: DeployedStack, resources: tuple[StackResource, ...]) -> facts.Stack:
    """Return the facts about a stack that was read."""
    parts = deployed.stack_id.split(":")
    partition = parts[1] if len(parts) > 1 and parts[0] == "arn" else "aws"
    expected = trigger.expected_trigger(deployed, resources)
    return facts.Stack(deployed, resources, expected, partition)


def system_now() -> datetime:
    """Return the time of this machine's clock."""
    return datetime.now(UTC)
