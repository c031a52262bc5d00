"""What the stack's resources are called: the original names, and what makes them unique."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from imgctl.core.errors import ImgctlError
from infra.settings import BUCKET_NAME, NAME_SETTINGS

DEFAULT_STACK = "imgctl"

STACK_NAME = re.compile(r"[a-z](?:[a-z0-9]|-(?=[a-z0-9]))*")


# The first versions had no access logs.
OUR_PARAMETERS = {spec.parameter for spec in NAME_SETTINGS} - {"AccessLogsBucketName"} | {
    "CodeBucket"
}
"""A stack with these parameters was deployed from imgctl's template, in whichever version."""


class InvalidName(ImgctlError):
    """A name that AWS would reject, or that two resources would share."""

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
        """What deleting the stack retains: its buckets and its table."""
        return (*self.buckets, self.table)

    @property
    def buckets(self) -> tuple[str, ...]:
        """The stack's own buckets; the artifacts bucket is not part of the stack."""
        named = (self.source_bucket, self.destination_bucket, self.access_logs_bucket)
        return tuple(bucket for bucket in named if bucket)


def stack_names(
    stack: str,
    account: str,
    region: str,
    chosen: Mapping[str, str | None] | None = None,
) -> Names:
    """Name the resources of a stack.

    The default stack has the original names; any other appends its own, so that several fit into
    one account. Bucket names are global in AWS: account and region are appended. What the user
    has `chosen`, by the fields of Names, is used unchanged.

    Raises InvalidName for what AWS would reject.
    """
    if not STACK_NAME.fullmatch(stack):
        raise InvalidName(
            f"The stack name {stack!r} is not allowed.",
            hint="Use lowercase letters, digits and single hyphens, with a letter first.",
        )
    suffix = "" if stack == DEFAULT_STACK else f"-{stack}"
    default = {
        spec.name: spec.default_name.format(suffix=suffix, account=account, region=region)
        for spec in NAME_SETTINGS
    }
    picked = {name: value for name, value in (chosen or {}).items() if value is not None}
    artifacts_bucket = f"imgctl-artifacts{suffix}-{account}-{region}"
    names = Names(artifacts_bucket=artifacts_bucket, **(default | picked))
    _check_bucket_names(names, suffix)
    return names


def deployed_names(parameters: Mapping[str, str]) -> Names:
    """Return the names of a deployed stack, from the parameters that it was deployed with."""
    # A stack from before there were access logs has no bucket for them.
    deployed = {"AccessLogsBucketName": "", **parameters}
    return Names(
        artifacts_bucket=deployed["CodeBucket"],
        **{spec.name: deployed[spec.parameter] for spec in NAME_SETTINGS},
    )


def check_role_path(before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """Raise InvalidName if a deployed stack's parameters would move a role to another path.

    CloudFormation can only replace it, and not by one of the same name.
    """
    if not before or before.get("RolePath", "") == after["RolePath"]:
        return
    roles = ("function_role", "api_role")
    kept = [
        spec.name
        for spec in NAME_SETTINGS
        if spec.name in roles and before[spec.parameter] == after[spec.parameter]
    ]
    if kept:
        raise InvalidName(
            "A role cannot be moved to another path, only be replaced by one of another name.",
            hint=f"Choose a new name for {' and '.join(kept)} too, or leave role_path as it is.",
        )


def _check_bucket_names(names: Names, suffix: str) -> None:
    for bucket in (*names.buckets, names.artifacts_bucket):
        if BUCKET_NAME.fullmatch(bucket):
            continue
        if suffix and bucket.endswith(names.artifacts_bucket.split(suffix)[-1]):
            hint = f"Choose a stack name shorter by {len(bucket) - 63} characters."
        else:
            hint = "Use 3 to 63 lowercase letters, digits, dots and hyphens."
        raise InvalidName(f"Invalid bucket name {bucket!r}.", hint=hint)
    if names.source_bucket == names.destination_bucket:
        raise InvalidName(
            "The source bucket is also the destination bucket: each output would be resized again.",
            hint="Choose two different buckets.",
        )
    every = (*names.holds_data, names.artifacts_bucket)
    duplicates = [name for name, count in Counter(every).items() if count > 1]
    if duplicates:
        raise InvalidName(
            f"{duplicates[0]} names more than one of the stack's buckets and its table.",
            hint="Choose a different name for each.",
        )
