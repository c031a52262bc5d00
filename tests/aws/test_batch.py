import csv
import io
from pathlib import Path

from botocore.stub import ANY, Stubber

from imgctl.aws import batch
from imgctl.aws.findings import SourceObject
from imgctl.aws.session import Aws
from imgctl.worker.events import ObjectCreated, batch_tasks
from tests.stack_outputs import OUTPUTS


def source(key: str, version_id: str = "v1") -> SourceObject:
    return SourceObject(key=key, version_id=version_id, etag="e", size=1, modified="2026")


def test_the_function_reads_back_the_keys_of_the_manifest() -> None:
    keys = ["a b+c%.jpg", "Käse/🍰.jpg", 'quote",comma.jpg', "line\nbreak.jpg"]
    file = io.StringIO()
    assert batch.write_manifest(file, "bucket", [source(key) for key in keys]) == 4
    rows = list(csv.reader(io.StringIO(file.getvalue())))
    tasks = [
        {"taskId": "t", "s3Bucket": bucket, "s3Key": key, "s3VersionId": version}
        for bucket, key, version in rows
    ]
    parsed = batch_tasks({"invocationSchemaVersion": "2.0", "tasks": tasks}) or []
    objects = [task.record for task in parsed if isinstance(task.record, ObjectCreated)]
    assert [created.key for created in objects] == keys
    assert {created.version_id for created in objects} == {"v1"}


def test_an_object_without_a_version_has_null_in_the_manifest() -> None:
    file = io.StringIO()
    batch.write_manifest(file, "bucket", [source("a.jpg", version_id="")])
    assert file.getvalue() == "bucket,a.jpg,null\n"


def test_the_job_invokes_the_alias_with_the_stacks_role(aws: Aws, tmp_path: Path) -> None:
    aws.s3.create_bucket(
        Bucket="code", CreateBucketConfiguration={"LocationConstraint": "eu-west-2"}
    )
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("bucket,a.jpg,v1\n")
    with Stubber(aws.s3control) as stub:
        stub.add_response(
            "create_job",
            {"JobId": "job-1"},
            {
                "AccountId": "123456789012",
                "ClientRequestToken": "imgctl-1",
                "ConfirmationRequired": False,
                "Description": ANY,
                "Tags": [{"Key": "team", "Value": "photos"}],
                "Priority": 10,
                "Report": {"Enabled": False},
                "RoleArn": OUTPUTS.batch_role,
                "Operation": {
                    "LambdaInvoke": {
                        "FunctionArn": OUTPUTS.function_alias,
                        "InvocationSchemaVersion": "2.0",
                    }
                },
                "Manifest": {
                    "Spec": {
                        "Format": "S3BatchOperations_CSV_20180820",
                        "Fields": ["Bucket", "Key", "VersionId"],
                    },
                    "Location": {
                        "ObjectArn": "arn:aws:s3:::code/reprocess/imgctl-1.csv",
                        "ETag": ANY,
                    },
                },
            },
        )
        job = batch.create_job(
            aws, OUTPUTS, manifest, name="imgctl-1", description="all", tags={"team": "photos"}
        )
    assert job == "job-1"
    stored = aws.s3.get_object(Bucket="code", Key="reprocess/imgctl-1.csv")
    assert stored["Body"].read() == b"bucket,a.jpg,v1\n"
