"""What a shell completes: names that AWS knows, as long as it answers quickly.

Completion never starts anything, prints nothing but its suggestions, and fails in silence.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from itertools import islice
from threading import Thread
from typing import TYPE_CHECKING, TypeAlias

import click

from imgctl.cli.app import App, app_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_TIMEOUT_S = 3.0
_MAX_SUGGESTIONS = 200
# Of imgctl's stacks: no other program's stack is likely to have all of these outputs.
_OUTPUTS = {"SourceBucket", "DestinationBucket", "FunctionAlias", "CodeBucket"}
# A shell inserts a suggestion as it is. Whoever uploads an image chooses its key, so a key that the
# shell would not take literally is never suggested: `$(...)`, quotes, spaces, wildcards, a hyphen
# first. Nor is one with a comma, a colon, = or @, which the completion scripts or bash take apart.
_SAFE = re.compile(r"(?!-)[\w./%+-]+")

Find: TypeAlias = Callable[[App, str], Iterable[str]]


def complete(names: str, context: click.Context, incomplete: str) -> list[str]:
    """Return the names that begin with `incomplete`; `names` is one of `FINDERS`."""
    found: list[str] = []

    def work() -> None:
        with suppress(Exception):
            safe = (n for n in FINDERS[names](app_of(context), incomplete) if _SAFE.fullmatch(n))
            found.extend(islice((n for n in safe if n.startswith(incomplete)), _MAX_SUGGESTIONS))

    thread = Thread(target=work, daemon=True)  # which the end of the process ends
    thread.start()
    thread.join(_TIMEOUT_S)
    return list(found)


def _profiles(app: App, incomplete: str) -> Iterable[str]:  # noqa: ARG001
    from botocore.session import Session

    return sorted(Session().available_profiles)


def _regions(app: App, incomplete: str) -> Iterable[str]:  # noqa: ARG001
    from botocore.session import Session

    session = Session()
    partitions = session.get_available_partitions()
    return sorted(
        region
        for partition in partitions
        for region in session.get_available_regions("lambda", partition_name=partition)
    )


def _keys(app: App, incomplete: str) -> Iterable[str]:
    return _of_bucket(app.aws.s3, app.outputs.source_bucket, incomplete)


def _of_bucket(s3: "S3Client", bucket: str, prefix: str) -> list[str]:
    """List keys and folders, a level at a time."""
    while True:
        page = s3.list_objects_v2(
            Bucket=bucket, Prefix=prefix, Delimiter="/", MaxKeys=_MAX_SUGGESTIONS
        )
        folders = [item["Prefix"] for item in page.get("CommonPrefixes", [])]
        keys = [item["Key"] for item in page.get("Contents", [])]
        if keys or len(folders) != 1:
            return sorted([*folders, *keys])
        prefix = folders[0]  # the only one: a shell would end the word after it


def _stacks(app: App, incomplete: str) -> Iterable[str]:  # noqa: ARG001
    pages = app.aws.cloudformation.get_paginator("describe_stacks").paginate()
    return (
        stack["StackName"]
        for page in pages
        for stack in page["Stacks"]
        if {output["OutputKey"] for output in stack.get("Outputs", [])} >= _OUTPUTS
    )


def _outputs(app: App, incomplete: str) -> Iterable[str]:  # noqa: ARG001
    from imgctl.aws.stack import describe, named_outputs

    return sorted(named_outputs(describe(app.aws, app.settings.stack)))


def _versions(app: App, incomplete: str) -> Iterable[str]:  # noqa: ARG001
    from infra.function_version import list_versions

    return (str(item.number) for item in list_versions(app.aws.lambda_, app.outputs.function))


def _if_reachable(find: Find) -> Find:
    """Find nothing if the embedded AWS would have to be started."""

    def find_if_reachable(app: App, incomplete: str) -> Iterable[str]:
        from imgctl.local import daemon

        settings = app.settings
        if settings.local and daemon.running(settings.local_dir) is None:
            return ()
        return find(app, incomplete)

    return find_if_reachable


FINDERS: Mapping[str, Find] = {
    "profiles": _profiles,
    "regions": _regions,
    "stacks": _if_reachable(_stacks),
    "keys": _if_reachable(_keys),
    "outputs": _if_reachable(_outputs),
    "versions": _if_reachable(_versions),
}
"""What can be completed."""
