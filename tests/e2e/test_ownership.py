"""`destroy --delete-data` of a failed stack leaves another stack with the same names whole."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imgctl.aws.stack import load_outputs
from imgctl.local import daemon
from infra import deployment
from infra.bundle import Bundle, build_local
from infra.bundle_cache import user_cache
from infra.errors import DeployError
from infra.parameters import StackSettings, stack_parameters
from infra.template import stack_template, with_hashed_ids
from tests.e2e.conftest import Local, context_of, deploy_step
from tests.pictures import encoded, photo

NAMES = {
    "source_bucket": "acme-photos-in",
    "destination_bucket": "acme-photos-out",
    "access_logs_bucket": "acme-photos-logs",
    "table": "acme-photos",
}
LIVING, FAILED = "living", "failed"


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    local = Local(tmp_path_factory.mktemp("ownership") / "local")
    yield local
    daemon.stop(local.folder)


@pytest.fixture(scope="module")
def bundle(local: Local) -> Bundle:
    daemon.start(local.folder)
    return build_local(local.folder, user_cache())


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "acme.toml"
    path.write_text("".join(f'{name} = "{value}"\n' for name, value in NAMES.items()))
    return path


def failing_template() -> str:
    """Return the template with a destination bucket whose name somebody else has."""
    name = "BucketName: !Ref DestinationBucketName"
    assert name in stack_template()
    return stack_template().replace(name, "BucketName: somebody-elses")


def fail_to_create(local: Local, bundle: Bundle, status: str) -> None:
    """Leave a stack with the names of the living one in a state that a failure leaves."""
    aws, context = local.aws, context_of(local, FAILED, **NAMES)
    request = deployment.DeployRequest(failing_template(), StackSettings(), bundle)
    aws.s3.create_bucket(Bucket="somebody-elses")
    # The names are free while the failed stack is created, as they were for whoever tried.
    if status == "ROLLBACK_COMPLETE":
        with pytest.raises(DeployError, match="somebody-elses"):
            deploy_step(context, request)
    else:
        parameters = stack_parameters(
            context.names,
            request.settings,
            bundle,
            is_local=True,
            sets_api_logging_role=False,
        )
        arguments: Any = {
            "StackName": FAILED,
            "TemplateBody": with_hashed_ids(request.template, parameters),
            "Parameters": [
                {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
            ],
            "Capabilities": ["CAPABILITY_NAMED_IAM"],
        }
        if status == "REVIEW_IN_PROGRESS":
            aws.cloudformation.create_change_set(
                ChangeSetName="imgctl-1", ChangeSetType="CREATE", **arguments
            )
        else:
            aws.cloudformation.create_stack(OnFailure="DO_NOTHING", **arguments)
            waiter = aws.cloudformation.get_waiter("stack_create_complete")
            with pytest.raises(Exception, match="CREATE_FAILED"):
                waiter.wait(StackName=FAILED, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    (stack,) = aws.cloudformation.describe_stacks(StackName=FAILED)["Stacks"]
    assert stack["StackStatus"] == status
    for bucket in aws.s3.list_buckets()["Buckets"]:
        if bucket["Name"] in NAMES.values():  # what it did create; the living stack has its own
            aws.s3.delete_bucket(Bucket=bucket["Name"])
    if NAMES["table"] in aws.dynamodb.list_tables()["TableNames"]:
        aws.dynamodb.update_table(TableName=NAMES["table"], DeletionProtectionEnabled=False)
        aws.dynamodb.delete_table(TableName=NAMES["table"])
    aws.s3.delete_bucket(Bucket="somebody-elses")


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "CREATE_FAILED", "REVIEW_IN_PROGRESS"])
def test_destroying_a_failed_stack_leaves_the_living_one_whole(
    local: Local, bundle: Bundle, settings: Path, album: Path, status: str
) -> None:
    fail_to_create(local, bundle, status)
    config = ("--config", str(settings))
    local.imgctl("deploy", "--stack", LIVING, "--yes", *config).succeeded()
    cake = album / "cake.png"
    cake.write_bytes(encoded(photo(), "PNG"))
    local.imgctl("upload", str(cake), "--stack", LIVING, "--wait", *config).succeeded()

    destroyed = local.imgctl(
        "destroy", "--stack", FAILED, "--delete-data", "--yes", "--json", *config
    ).succeeded()
    reason = f"belongs to the stack {LIVING}"
    left_alone = {item["name"]: item["reason"] for item in destroyed.document["left_alone"]}
    assert left_alone == dict.fromkeys(NAMES.values(), reason)
    assert local.aws.cloudformation.describe_stacks()["Stacks"][0]["StackName"] == LIVING

    local.imgctl("audit", "--stack", LIVING, *config).succeeded()
    records = local.imgctl("history", "--stack", LIVING, "--json", *config).succeeded().document
    assert [record["OriginalObjectKey"] for record in records["records"]] == ["cake.png"]
    source = load_outputs(local.aws, LIVING).source_bucket
    assert local.aws.s3.list_objects_v2(Bucket=source)["KeyCount"] == 1

    # Its own data is deleted by its own destroy.
    local.imgctl("destroy", "--stack", LIVING, "--delete-data", "--yes", *config).succeeded()
    nothing: dict[str, list[str]] = {"buckets": [], "tables": [], "functions": [], "apis": []}
    assert local.all_that_is_there() == nothing


def test_an_artifacts_bucket_with_somebodys_content_is_neither_taken_nor_deleted(
    local: Local,
) -> None:
    bucket = "imgctl-artifacts-mine-000000000000-us-east-1"
    local.aws.s3.create_bucket(Bucket=bucket)
    local.aws.s3.put_object(Bucket=bucket, Key="thesis.pdf", Body=b"years of work")
    refused = local.imgctl("deploy", "--stack", "mine", "--yes")
    assert (refused.code, bucket in refused.err) == (1, True)
    destroyed = local.imgctl("destroy", "--stack", "mine", "--delete-data", "--yes", "--json")
    assert destroyed.succeeded().document["left_alone"][0]["name"] == bucket
    assert local.aws.s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 1
    local.aws.s3.delete_object(Bucket=bucket, Key="thesis.pdf")
    local.aws.s3.delete_bucket(Bucket=bucket)


def test_publishing_with_another_stacks_settings_does_not_claim_its_buckets(
    local: Local, settings: Path
) -> None:
    config = ("--config", str(settings))
    local.imgctl("deploy", "--stack", "one", "--yes").succeeded()
    local.imgctl("deploy", "--stack", LIVING, "--yes", *config).succeeded()
    local.imgctl("publish", "--stack", "one", "--yes", *config).succeeded()
    for bucket in (NAMES["source_bucket"], NAMES["destination_bucket"]):
        tags = local.aws.s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
        assert tags == [{"Key": "imgctl:stack", "Value": LIVING}]
    local.imgctl("destroy", "--stack", "one", "--delete-data", "--yes", *config).succeeded()
    local.imgctl("destroy", "--stack", "one", "--delete-data", "--yes", *config).succeeded()
    assert NAMES["source_bucket"] in local.all_that_is_there()["buckets"]
    local.imgctl("destroy", "--stack", LIVING, "--delete-data", "--yes", *config).succeeded()
