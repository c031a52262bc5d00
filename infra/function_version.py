"""The function's published versions, and what each of them is bound to.

A version is code and configuration, frozen. It keeps the role, the queue, the key and the names
that it was published with, so it cannot run in a stack that no longer has them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from imgctl.core.errors import Hint, ImgctlError
from infra.bundle_manifest import is_key, sources_in
from infra.errors import DeployError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

ALIAS = "live"
"""The alias that the trigger invokes."""

_UNPUBLISHED = "$LATEST"


class VersionNotFound(ImgctlError):
    """There is no such version of the function."""

    code = "no_version"


class VersionIncompatible(ImgctlError):
    """The version cannot run in the stack as it is deployed."""

    code = "version_unfit"


@dataclass(frozen=True, slots=True)
class Version:
    """A published version: `size` in bytes, `sha256` of the code in base64, as Lambda reports it.

    The function as it is, $LATEST, has the `number` 0. `bundle` is the key of the object that its
    code came from; it is empty if an earlier imgctl published it, or somebody else. `role`,
    `dead_letter_queue` and `kms_key` are ARNs; the last two are empty if there is none.
    `snap_start` is whether Lambda takes a snapshot of the function when it publishes the version.
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
    bundle: str = ""
    snap_start: bool = False

    @property
    def title(self) -> str:
        """How a person reads which version it is: `Version 3`, or $LATEST."""
        return f"Version {self.number}" if self.number else _UNPUBLISHED

    @property
    def sources(self) -> str | None:
        """The digest of the code's sources; None if an earlier imgctl published it."""
        return sources_in(self.bundle)

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
    """List the published versions of the function, newest first."""
    return [version for version in _list_all(client, function) if version.number]


def _list_all(client: "LambdaClient", function: str) -> list[Version]:
    pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=function)
    versions = [parse_version(item) for page in pages for item in page["Versions"]]
    return sorted(versions, key=lambda version: version.number, reverse=True)


def aliased_versions(client: "LambdaClient", function: str) -> dict[str, set[int]]:
    """Return the versions that each alias of the function refers to, with whatever weight."""
    pages = client.get_paginator("list_aliases").paginate(FunctionName=function)
    return {
        alias["Name"]: {_number(v) for v in (alias["FunctionVersion"], *_weights(alias))} - {0}
        for page in pages
        for alias in page["Aliases"]
    }


@dataclass(frozen=True, slots=True)
class LiveVersions:
    """What the alias points at, and the weights of the versions beside it, from 0 to 1.

    `number` is None for $LATEST, which is no published version.
    """

    number: int | None
    weights: Mapping[int, float] = field(default_factory=dict)

    def percent(self, number: int) -> int:
        """Return which part of the invocations a version takes, in percent."""
        others = sum(weight for version, weight in self.weights.items() if version != self.number)
        part = 1 - others if number == self.number else self.weights.get(number, 0)
        return round(100 * part)


def live_versions(client: "LambdaClient", function: str) -> LiveVersions:
    """Return the versions that the trigger invokes: two of them during a gradual release."""
    alias = client.get_alias(FunctionName=function, Name=ALIAS)
    return LiveVersions(
        _number(alias["FunctionVersion"]) or None,
        {_number(version): weight for version, weight in _weights(alias).items() if weight},
    )


def _weights(alias: Any) -> Mapping[str, float]:
    return (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}


def live_version(client: "LambdaClient", function: str) -> int | None:
    """Return the number of the version that the trigger invokes; see `LiveVersions`."""
    return live_versions(client, function).number


def read_live_version(client: "LambdaClient", function: str) -> Version:
    """Return what the trigger invokes; its number is 0 if the alias points at $LATEST."""
    live = live_version(client, function) or 0
    return next(v for v in _list_all(client, function) if v.number == live)


def read_latest(client: "LambdaClient", function: str) -> Version:
    """Return the function as it is now, whether published or not; its number is 0."""
    return parse_version(client.get_function_configuration(FunctionName=function))


def check_published(live: int | None) -> int:
    """Return the live version's number. Raises VersionNotFound if the alias points at $LATEST."""
    if live is None:
        raise VersionNotFound(
            f"The alias {ALIAS} points at $LATEST, which is no published version: it was changed"
            " outside of imgctl.",
            hint=Hint("{} points it at the deployed version again.", "deploy --revert-drift"),
        )
    return live


def choose_version(versions: list[Version], live: int | None, requested: int | None) -> Version:
    """Choose the version to roll back to: the requested one, or the one before the live one.

    Raises VersionNotFound if there is none, or if none was requested and no version is live.
    """
    hint = Hint("{} lists the versions.", "versions")
    if requested is not None:
        for version in versions:
            if version.number == requested:
                return version
        if versions and requested < versions[0].number:
            raise VersionNotFound(
                f"There is no version {requested} any more.",
                hint=Hint(
                    "Deployments delete old versions (setting: keep_function_versions). {} lists"
                    " those that are left. To return to older code, check it out and run {}.",
                    "versions",
                    "publish",
                ),
            )
        raise VersionNotFound(f"There is no version {requested}.", hint=hint)
    number = check_published(live)
    for version in versions:  # newest first
        if version.number < number:
            return version
    raise VersionNotFound(f"Version {number} is live, and there is none before it.", hint=hint)


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
    if not version or deployed.get("CanaryWeight"):  # it keeps a part until the release is complete
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


def _number(version: str) -> int:
    return 0 if version == _UNPUBLISHED else int(version)


def parse_version(item: Any) -> Version:
    """Parse a version, or $LATEST, as Lambda describes it."""
    code = item.get("Description", "").rpartition(" ")[2]  # as the template writes it
    return Version(
        number=_number(item["Version"]),
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
        bundle=code if is_key(code) else "",
        snap_start=(item.get("SnapStart") or {}).get("ApplyOn") == "PublishedVersions",
    )
