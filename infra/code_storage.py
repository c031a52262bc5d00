"""Versions of the function and bundles that nothing needs any longer: found, and deleted.

Versions are only those of the function that the living stack lists as its own, and only if their
description says that imgctl published them. Bundles are only in an artifacts bucket that its tag
proves to be the stack's (infra/ownership.py). A plan that was stored for later needs none of them:
CloudFormation deletes all other change sets of a stack when one is executed.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from imgctl.aws.errors import none_if_missing
from imgctl.aws.session import Aws
from infra.bundle_manifest import FOLDER
from infra.deployed_stack import DeployedStack, StackResource, owned_names
from infra.function_version import ALIAS, Version, aliased_versions, list_versions
from infra.ownership import bucket_owner, is_proven
from infra.pruning import (
    MAX_AT_ONCE,
    NOTHING,
    StoredBundle,
    Superseded,
    UpcomingVersion,
    superseded_versions,
    unneeded_bundles,
)
from infra.stack_context import StackContext

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


def find_superseded(
    context: StackContext,
    deployed: DeployedStack,
    *,
    keep: int,
    now: datetime,
    upcoming: UpcomingVersion | None = None,
) -> Superseded:
    """Find what nothing needs any longer, or will not once a version is published."""
    client, function = context.aws.lambda_, deployed.parameters.get("FunctionName", "")
    resources = context.client.list_resources(deployed)
    if function not in owned_names(deployed, resources, "AWS::Lambda::Function"):
        return NOTHING
    versions = list_versions(client, function)
    aliased = aliased_versions(client, function)
    in_use = _of_stack(deployed, resources).union(*aliased.values())
    live = aliased.get(ALIAS, set())
    superseded = superseded_versions(versions, in_use, live, keep=keep, upcoming=upcoming)
    unused = tuple(islice((v for v in superseded if not _is_invoked(client, v)), MAX_AT_ONCE))
    needed = {v.bundle for v in versions if v not in unused}
    needed |= {deployed.parameters.get("CodeKey", ""), upcoming.bundle if upcoming else ""}
    bucket = context.names.artifacts_bucket
    bundles = unneeded_bundles(_stored_bundles(context.aws, bucket), needed, now)
    if bundles and not is_proven(bucket_owner(context.aws, bucket), context.stack, is_listed=False):
        bundles = ()
    return Superseded(unused, bundles)


def delete_superseded(
    context: StackContext,
    deployed: DeployedStack,
    planned: Superseded,
    *,
    keep: int,
    now: datetime,
) -> Iterator[Version | str]:
    """Delete what was planned to be deleted, unless it is needed by now; yields what is deleted.

    A version that somebody uses by now is a warning.
    """
    current = find_superseded(context, deployed, keep=keep, now=now)
    unused = {(version.function, version.number) for version in current.versions}
    needed = set()
    for version in planned.versions:
        refusal = "It is in use by now, or gone."
        if (version.function, version.number) in unused:
            refusal = _delete_version(context.aws.lambda_, version)
        if not refusal:
            yield version
            continue
        needed.add(version.bundle)
        context.client.warn(f"Version {version.number} was not deleted: {refusal}")
    for key in planned.bundles:
        if key in current.bundles and key not in needed:
            context.aws.s3.delete_object(
                Bucket=context.names.artifacts_bucket,
                Key=key,
                ExpectedBucketOwner=context.aws.account_id,
            )
            yield key


def _of_stack(deployed: DeployedStack, resources: tuple[StackResource, ...]) -> set[int]:
    """Return the versions that CloudFormation knows: its resource, and what a rollback chose."""
    arns = owned_names(deployed, resources, "AWS::Lambda::Version")
    numbers = {*(arn.rpartition(":")[2] for arn in arns), deployed.live_version}
    return {int(number) for number in numbers if number.isdecimal()}


def _is_invoked(client: "LambdaClient", version: Version) -> bool:
    """Return whether something other than an alias is set up to invoke exactly this version.

    Lambda would delete it nevertheless. What invokes it by its ARN and needs no setting of the
    function, such as another program of the account, is not visible.
    """
    one: Any = {"FunctionName": version.function, "Qualifier": str(version.number)}
    if none_if_missing(client.get_policy, "ResourceNotFoundException", **one):
        return True
    if none_if_missing(
        client.get_provisioned_concurrency_config,
        "ProvisionedConcurrencyConfigNotFoundException",
        **one,
    ):
        return True
    pages = client.get_paginator("list_event_source_mappings").paginate(
        FunctionName=f"{version.function}:{version.number}"
    )
    return any(
        mapping["FunctionArn"].endswith(f":{version.number}")
        for page in pages
        for mapping in page["EventSourceMappings"]
    )


def _delete_version(client: "LambdaClient", version: Version) -> str:
    """Delete a version; return why Lambda refuses to, empty if the version is gone."""
    qualifier = str(version.number)  # never empty: without one Lambda would delete the function
    try:
        client.delete_function(FunctionName=version.function, Qualifier=qualifier)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "ResourceConflictException":
            return error.response["Error"].get("Message", code)
        if code != "ResourceNotFoundException":
            raise
    return ""


def _stored_bundles(aws: Aws, bucket: str) -> Iterator[StoredBundle]:
    pages = aws.s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=FOLDER, ExpectedBucketOwner=aws.account_id
    )
    for page in pages:
        for stored in page.get("Contents", []):
            yield StoredBundle(stored["Key"], stored["LastModified"])
