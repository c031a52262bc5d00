"""S3 Batch Operations: millions of objects, sent to the function by S3 itself."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from imgctl.aws.audit import SourceObject
    from imgctl.aws.session import Aws
    from imgctl.aws.stack import StackOutputs

FOLDER = "reprocess"
"""Where the lists lie in the stack's code bucket; the job's role may read nothing else."""


def write_manifest(file: IO[str], bucket: str, sources: Iterable["SourceObject"]) -> int:
    """Write a job's list: bucket, key (URL-encoded) and version of each; gives how many.

    The format is S3's CSV manifest (S3 User Guide, "Specifying a manifest").
    """
    writer = csv.writer(file, lineterminator="\n")
    count = 0
    for count, source in enumerate(sources, start=1):  # noqa: B007 (it is the result)
        writer.writerow([bucket, quote(source.key), source.version_id or "null"])
    return count


def create_job(
    aws: "Aws", outputs: "StackOutputs", manifest: Path, *, name: str, description: str
) -> str:
    """Store the list in the code bucket and begin the job; gives its identity.

    `name` makes it one job, however often it is asked for.
    """
    key = f"{FOLDER}/{name}.csv"
    with manifest.open("rb") as body:
        stored = aws.s3.put_object(Bucket=outputs.code_bucket, Key=key, Body=body)
    partition = outputs.batch_role.split(":")[1]
    answer = aws.s3control.create_job(
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
        Report={"Enabled": False},  # what became of each is in its record
    )
    return answer["JobId"]
