"""What the stack's resources are called: the seed's names, and what makes them unique."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields

from imgctl.core.errors import ImgctlError

DEFAULT_STACK = "imgctl"

STACK_NAME = re.compile(r"[a-z](?:[a-z0-9]|-(?=[a-z0-9]))*")
BUCKET_NAME = re.compile(r"[a-z0-9](?:[a-z0-9]|-(?=[a-z0-9])|\.(?=[a-z0-9])){2,62}")


class InvalidName(ImgctlError):
    """A name that AWS would refuse, or that two resources would share."""

    code = "bad_name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The names of one stack's resources in one account and region."""

    source_bucket: str
    destination_bucket: str
    access_logs_bucket: str
    artifacts_bucket: str
    table: str
    function: str
    function_role: str
    dead_letter_queue: str
    api: str
    api_role: str

    @property
    def holds_data(self) -> tuple[str, ...]:
        """What a deletion of the stack keeps: its buckets and its table."""
        return (*self.buckets, self.table)

    @property
    def buckets(self) -> tuple[str, ...]:
        """The stack's own buckets; the one with the bundles is not of the stack."""
        named = (self.source_bucket, self.destination_bucket, self.access_logs_bucket)
        return tuple(bucket for bucket in named if bucket)


CHOOSABLE = tuple(field.name for field in fields(Names) if field.name != "artifacts_bucket")
"""The names that a user may choose."""


def stack_names(
    stack: str,
    account: str,
    region: str,
    chosen: Mapping[str, str | None] | None = None,
) -> Names:
    """Name the resources of a stack.

    The default stack has the seed's names; any other appends its own, so that several live in
    one account. Buckets are global in AWS: account and region are appended. What the user has
    `chosen`, by the fields of Names, is taken as it is.

    Raises InvalidName for what AWS would refuse.
    """
    if not STACK_NAME.fullmatch(stack):
        raise InvalidName(
            f"The stack's name {stack!r} is not allowed.",
            hint="Use lower-case letters, digits and single hyphens, with a letter first.",
        )
    suffix = "" if stack == DEFAULT_STACK else f"-{stack}"
    place = f"-{account}-{region}"
    usual = {
        "source_bucket": f"src-bucket-image-in{suffix}{place}",
        "destination_bucket": f"dest-bucket-image-out{suffix}{place}",
        "access_logs_bucket": f"imgctl-access-logs{suffix}{place}",
        "table": f"hala-db{suffix}",
        "function": f"Landa-image-s3-function{suffix}",
        "function_role": f"lambda-image-role{suffix}",
        "dead_letter_queue": f"Landa-image-s3-function-dead-letters{suffix}",
        "api": f"Quaen-Hala-API{suffix}",
        "api_role": f"api-gw-s3-role{suffix}",
    }
    picked = {name: value for name, value in (chosen or {}).items() if value is not None}
    names = Names(artifacts_bucket=f"imgctl-artifacts{suffix}{place}", **(usual | picked))
    _check_bucket_names(names, suffix)
    return names


def deployed_names(parameters: Mapping[str, str]) -> Names:
    """Name the resources of a deployed stack, by the parameters that it was deployed with."""
    return Names(
        source_bucket=parameters["SourceBucketName"],
        destination_bucket=parameters["DestinationBucketName"],
        # A stack from before there were access logs has no bucket for them.
        access_logs_bucket=parameters.get("AccessLogsBucketName", ""),
        artifacts_bucket=parameters["CodeBucket"],
        table=parameters["TableName"],
        function=parameters["FunctionName"],
        function_role=parameters["FunctionRoleName"],
        dead_letter_queue=parameters["DeadLetterQueueName"],
        api=parameters["ApiName"],
        api_role=parameters["ApiRoleName"],
    )


def _check_bucket_names(names: Names, suffix: str) -> None:
    for bucket in (*names.buckets, names.artifacts_bucket):
        if BUCKET_NAME.fullmatch(bucket):
            continue
        if suffix and bucket.endswith(names.artifacts_bucket.split(suffix)[-1]):
            hint = f"Choose a shorter stack name: {len(bucket) - 63} characters are too many."
        else:
            hint = "Use 3 to 63 lower-case letters, digits, dots and hyphens."
        raise InvalidName(f"AWS does not allow a bucket called {bucket!r}.", hint=hint)
    if names.source_bucket == names.destination_bucket:
        raise InvalidName(
            "The source bucket is also the destination bucket: each output would be resized again.",
            hint="Name two different buckets.",
        )
    twice = [name for name, count in Counter(names.holds_data).items() if count > 1]
    if twice:
        raise InvalidName(
            f"{twice[0]} is the name of two of the stack's buckets and its table.",
            hint="Give each a name of its own.",
        )
