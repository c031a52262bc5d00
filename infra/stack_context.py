"""A stack that is worked on, and how CloudFormation is reached."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from imgctl.aws.session import Aws
from infra.cloudformation import StackClient
from infra.names import Names


@dataclass(frozen=True, slots=True)
class StackContext:
    """A stack in an account and region, its resources' names, and how to reach it."""

    aws: Aws
    client: StackClient
    stack: str
    names: Names


def stack_client(aws: Aws, warn: Callable[[str], None], role_arn: str | None = None) -> StackClient:
    """Return CloudFormation with polling intervals that suit the AWS in use.

    `role_arn` is the service role that it assumes.
    """
    return StackClient(
        client=aws.cloudformation,
        sleep=time.sleep,
        poll_s=0.1 if aws.is_local else 2.0,
        unique=lambda: uuid.uuid4().hex,
        warn=warn,
        role_arn=role_arn,
    )
