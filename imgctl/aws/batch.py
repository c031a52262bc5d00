"""S3 Batch Operations jobs, in which S3 itself invokes the function for each object of a list."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from imgctl.aws.findings import SourceObject
    from imgctl.aws.session import Aws
    from imgctl.aws.stack import StackOutputs

FOLDER = "reprocess"
"""The key prefix of manifests in the code bucket; the job's role may read only these objects."""


def write_manifest(file: IO[str], bucket: str, sources: Iterable["SourceObject"]) -> int:
    """Write a job's manifest and return the number of objects in it.

    Each row holds the bucket, the URL-encoded key and the version (S3 User Guide, "Specifying a
    manifest").
    """
    writer = csv.writer(file, lineterminator="\n")
    count = 0
    for count, source in enumerate(sources, start=1):  # noqa: B007 (returned below)
        writer.writerow([bucket, quote(source.key), source.version_id or "null"])
    return count


def create_job(
    aws: "Aws",
    outputs: "StackOutputs",
    manifest: Path,
    *,
    name: str,
    description: str,
    tags: Mapping[str, str],
) -> str:
    """Upload the manifest to the code bucket, start a job for it and return the job's ID.

    `name` is the idempotency token: requests with the same name create one job. `tags` are the
    job's; without any, nobody has to be allowed to tag jobs.
    """
    key = f"{FOLDER}/{name}.csv"
    with manifest.open("rb") as body:
        stored = aws.s3.put_object(Bucket=outputs.code_bucket, Key=key, Body=body)
    tagging: Any = {"Tags": [{"Key": k, "Value": v} for k, v in tags.items()]} if tags else {}
    partition = outputs.batch_role.split(":")[1]
    response = aws.s3control.create_job(
        AccountId=aws.account_id,
        ClientRequestToken=name,
        Description=description,
        ConfirmationRequired=False,
        Priority=10,
        RoleArn=outputs.batch_role,
        Operation={
            "LambdaInvoke": {
                "FunctionArn": outputs.function_alias,
                "InvocationSchemaVersion": "2.0",
            }
        },
        Manifest={
            "Spec": {
                "Format": "S3BatchOperations_CSV_20180820",
                "Fields": ["Bucket", "Key", "VersionId"],
            },
            "Location": {
                "ObjectArn": f"arn:{partition}:s3:::{outputs.code_bucket}/{key}",
                "ETag": stored["ETag"].strip('"'),
            },
        },
        Report={"Enabled": False},  # each object's record holds its result
        **tagging,
    )
    return response["JobId"]
