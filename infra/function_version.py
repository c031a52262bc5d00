"""The function's published versions, and what each of them is bound to.

A version is code and configuration, frozen. It keeps the role, the queue, the key and the names
that it was published with, so it cannot run in a stack that no longer has them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imgctl.core.errors import Hint, ImgctlError
from infra.bundle_manifest import sources_in
from infra.errors import DeployError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

ALIAS = "live"
"""The alias that the trigger invokes."""


class VersionNotFound(ImgctlError):
    """There is no such version of the function."""

    code = "no_version"


class VersionIncompatible(ImgctlError):
    """The version cannot run in the stack as it is deployed."""

    code = "version_unfit"


@dataclass(frozen=True, slots=True)
class Version:
    """A published version: `size` in bytes, `sha256` of the code in base64, as Lambda reports it.

    `sources` is the digest of the code's sources, None if an earlier imgctl published it. `role`,
    `dead_letter_queue` and `kms_key` are ARNs; the last two are empty if there is none.
    """

    number: int
    function: str
    modified: str
    sha256: str
    size: int
    role: str
    dead_letter_queue: str
    kms_key: str
    environment: Mapping[str, str]
    memory_mb: int
    timeout_s: int
    architecture: str
    sources: str | None = None

    @property
    def scale(self) -> str:
        """The factor for width and height."""
        return self.environment.get("SCALE", "")


VERSION_BINDINGS: Mapping[str, Callable[[Version], str | None]] = {
    "FunctionName": lambda version: version.function,
    "FunctionRoleName": lambda version: version.role.rpartition("/")[2],
    "DeadLetterQueueName": lambda version: version.dead_letter_queue.rpartition(":")[2] or None,
    "KmsKeyArn": lambda version: version.kms_key,
    "SourceBucketName": lambda version: version.environment.get("SOURCE_BUCKET", ""),
    "DestinationBucketName": lambda version: version.environment.get("DESTINATION_BUCKET", ""),
    "TableName": lambda version: version.environment.get("TABLE_NAME", ""),
}
"""What a version is bound to: the template's parameter, and how to read it from a version.

None is a version that is bound to nothing of the kind: without a queue it runs with any. This is
the only list of bindings. A rollback compares a version with the stack by it, a deployment compares
the stack with what it would become, and the template's hash of a version includes it.
"""


def list_versions(client: "LambdaClient", function: str) -> list[Version]:
    """List the versions of the function, newest first."""
    pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=function)
    versions = [
        _parse(item) for page in pages for item in page["Versions"] if item["Version"] != "$LATEST"
    ]
    return sorted(versions, key=lambda version: version.number, reverse=True)


def live_version(client: "LambdaClient", function: str) -> int:
    """Return the number of the version that the trigger invokes."""
    return int(client.get_alias(FunctionName=function, Name=ALIAS)["FunctionVersion"])


def read_live_version(client: "LambdaClient", function: str) -> Version:
    """Return the version that the trigger invokes."""
    live = live_version(client, function)
    return next(v for v in list_versions(client, function) if v.number == live)


def choose_version(versions: list[Version], live: int, requested: int | None) -> Version:
    """Choose the version to roll back to: the requested one, or the one before the live one.

    Raises VersionNotFound if there is none.
    """
    hint = Hint("{} lists the versions.", "versions")
    if requested is not None:
        for version in versions:
            if version.number == requested:
                return version
        raise VersionNotFound(f"There is no version {requested}.", hint=hint)
    for version in versions:  # newest first
        if version.number < live:
            return version
    raise VersionNotFound(f"Version {live} is live, and there is none before it.", hint=hint)


def check_compatible(version: Version, parameters: Mapping[str, str]) -> None:
    """Raise VersionIncompatible if the version cannot run in a stack with these parameters."""
    for name, read in VERSION_BINDINGS.items():
        published, deployed = read(version), parameters.get(name, "")
        if published is not None and published != deployed:
            raise VersionIncompatible(
                f"Version {version.number} was published with {name} {published or '(none)'}, but"
                f" the stack now has {deployed or '(none)'}.",
                hint="Deploy with the previous setting first, or roll back to a later version.",
            )


def check_live_version(deployed: Mapping[str, str], parameters: Mapping[str, str]) -> None:
    """Raise DeployError if a version that a rollback made live could not run after a deployment.

    `deployed` and `parameters` are the stack's parameters before and after it. A version of the
    function under another name does not exist at all.
    """
    version = deployed.get("LiveVersion")
    if not version:
        return
    changed = [
        name for name in VERSION_BINDINGS if deployed.get(name, "") != parameters.get(name, "")
    ]
    if changed:
        raise DeployError(
            f"Version {version} is live after a rollback, and is incompatible with the changed"
            f" {', '.join(changed)}.",
            hint=Hint("Nothing was changed. Run {} first, then deploy again.", "publish"),
        )


def _parse(item: Any) -> Version:
    return Version(
        number=int(item["Version"]),
        function=item["FunctionName"],
        modified=item["LastModified"],
        sha256=item["CodeSha256"],
        size=item["CodeSize"],
        role=item["Role"],
        dead_letter_queue=(item.get("DeadLetterConfig") or {}).get("TargetArn", ""),
        kms_key=item.get("KMSKeyArn", ""),
        environment=item.get("Environment", {}).get("Variables", {}),
        memory_mb=item["MemorySize"],
        timeout_s=item["Timeout"],
        architecture=item.get("Architectures", ["x86_64"])[0],  # Lambda's own default
        sources=sources_in(item.get("Description", "").rpartition(" ")[2]),
    )
