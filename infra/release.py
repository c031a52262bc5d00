"""New code, or an earlier version, made live in a deployed stack, and nothing else changed.

CloudFormation does it, with the template and the parameters that the stack was deployed with: so
the next deployment finds what it expects, and undoes nothing.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgctl.core.errors import ImgctlError
from infra.bundle import Bundle
from infra.cloudformation import StackRequest
from infra.deployment import StackContext
from infra.errors import DeployError
from infra.plan import Plan
from infra.template import with_updated_hashes

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

ALIAS = "live"


class VersionNotFound(ImgctlError):
    """There is no such version of the function."""

    code = "no_version"


class VersionIncompatible(ImgctlError):
    """The version cannot run in the stack as it is."""

    code = "version_unfit"


@dataclass(frozen=True, slots=True)
class Version:
    """A published version: `size` in bytes, `sha256` of the code in base64, as Lambda tells it.

    `role` and `kms_key` are ARNs; the key is empty where AWS's own encrypts the environment.
    """

    number: int
    modified: str
    sha256: str
    size: int
    role: str
    kms_key: str
    environment: Mapping[str, str]
    memory_mb: int
    timeout_s: int

    @property
    def scale(self) -> str:
        """What it multiplies width and height by."""
        return self.environment.get("SCALE", "")


def versions_of(client: "LambdaClient", function: str) -> list[Version]:
    """List the versions of the function, newest first."""
    pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=function)
    found = [
        Version(
            int(one["Version"]),
            one["LastModified"],
            one["CodeSha256"],
            one["CodeSize"],
            one["Role"],
            one.get("KMSKeyArn", ""),
            one.get("Environment", {}).get("Variables", {}),
            one["MemorySize"],
            one["Timeout"],
        )
        for page in pages
        for one in page["Versions"]
        if one["Version"] != "$LATEST"
    ]
    return sorted(found, key=lambda version: version.number, reverse=True)


def live_version(client: "LambdaClient", function: str) -> int:
    """Tell which version the trigger invokes."""
    return int(client.get_alias(FunctionName=function, Name=ALIAS)["FunctionVersion"])


def choose_version(versions: list[Version], live: int, wanted: int | None) -> int:
    """Choose the version to go back to: the one that is wanted, or the one before the live one.

    Raises VersionNotFound where there is none.
    """
    numbers = [version.number for version in versions]
    if wanted is not None and wanted not in numbers:
        raise VersionNotFound(
            f"There is no version {wanted}.", hint="`imgctl versions` lists what there is."
        )
    before = [number for number in numbers if number < live]
    if wanted is None and not before:
        raise VersionNotFound(
            f"Version {live} is live, and there is none before it.",
            hint="`imgctl versions` lists what there is.",
        )
    return before[0] if wanted is None else wanted


def check_updatable(version: Version, parameters: Mapping[str, str]) -> None:
    """Raise VersionIncompatible if the version cannot run in the stack as deployed.

    A version keeps the role, the key and the names that it was published with.
    """
    told = version.environment
    bound = {
        "FunctionRoleName": version.role.rpartition("/")[2],
        "KmsKeyArn": version.kms_key,
        "SourceBucketName": told.get("SOURCE_BUCKET", ""),
        "DestinationBucketName": told.get("DESTINATION_BUCKET", ""),
        "TableName": told.get("TABLE_NAME", ""),
    }
    for name, then in bound.items():
        now = parameters.get(name, "")
        if then != now:
            raise VersionIncompatible(
                f"Version {version.number} was published with {then or 'none'} as {name}, and the"
                f" stack has {now or 'none'} now.",
                hint="Deploy with the setting of then first, or go back to a later version.",
            )


def planned_publish(target: StackContext, bundle: Bundle) -> AbstractContextManager[Plan]:
    """Plan new code as the live version; what is not applied inside is taken back after."""
    return _planned(target, {"CodeKey": bundle.key, "LiveVersion": ""})


def planned_rollback(target: StackContext, version: int) -> AbstractContextManager[Plan]:
    """Plan a version as the live one; what is not applied inside is taken back after."""
    return _planned(target, {"LiveVersion": str(version)})


def _planned(target: StackContext, changes: Mapping[str, str]) -> AbstractContextManager[Plan]:
    deployed = target.engine.parameters(target.stack)
    if not deployed.keys() >= changes.keys():
        raise DeployError(
            f"The stack {target.stack} was deployed by an earlier imgctl, or is not deployed.",
            hint="Run `imgctl deploy` first.",
        )
    parameters = deployed | dict(changes)
    template = with_updated_hashes(target.engine.template(target.stack), parameters)
    return target.engine.planned(StackRequest(target.stack, template, parameters))
