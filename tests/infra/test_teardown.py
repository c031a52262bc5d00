"""What a destroy counts and deletes is proven to be the stack's, in every state of the stack."""

from dataclasses import replace
from typing import Any

import pytest
from botocore.stub import Stubber

from imgctl.aws.session import Aws
from infra import ownership, teardown
from infra.deployed_stack import DeployedStack
from infra.names import Names, stack_names
from infra.ownership import UNTAGGED, Owner, Ownership
from infra.settings import NAME_SETTINGS
from infra.stack_context import StackContext
from tests.infra.recorded import NOW, Recorded
from tests.infra.test_ownership import make_bucket, make_table

NAMES = stack_names("imgctl", "123456789012", "eu-west-2")
OURS = [{"Key": "imgctl:stack", "Value": "imgctl"}]
THEIRS = [{"Key": "imgctl:stack", "Value": "living"}]
LIVING = Owner(Ownership.STACK, "living")


def deployed(status: str | None, names: Names = NAMES) -> DeployedStack:
    parameters = {spec.parameter: getattr(names, spec.name) for spec in NAME_SETTINGS}
    parameters["CodeBucket"] = names.artifacts_bucket
    return DeployedStack("imgctl", status, "arn:stack/imgctl/1", parameters=parameters)


def lists(recorded: Recorded, status: str, *names: str) -> None:
    """Let the stack list buckets of these names as its resources, in a state."""
    summaries = [
        {
            "LogicalResourceId": f"Bucket{number}",
            "PhysicalResourceId": name,
            "ResourceType": "AWS::S3::Bucket",
            "ResourceStatus": status,
            "LastUpdatedTimestamp": NOW,
        }
        for number, name in enumerate(names)
    ]
    recorded.responds("list_stack_resources", {"StackResourceSummaries": summaries})


def retained(aws: Aws, recorded: Recorded, stack: DeployedStack) -> teardown.RetainedResources:
    context = StackContext(aws, recorded.client, "imgctl", NAMES)
    return teardown.find_retained(context, stack)


def fill(aws: Aws, bucket: str) -> None:
    aws.s3.put_object(Bucket=bucket, Key="photo.jpg", Body=b"precious")


@pytest.mark.parametrize(
    ("status", "resource_status"),
    [
        ("ROLLBACK_COMPLETE", "CREATE_FAILED"),
        ("ROLLBACK_FAILED", "CREATE_FAILED"),
        ("CREATE_FAILED", "CREATE_COMPLETE"),
        ("IMPORT_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"),
        ("IMPORT_ROLLBACK_FAILED", "IMPORT_COMPLETE"),
        ("DELETE_FAILED", "DELETE_FAILED"),
        ("DELETE_FAILED", "CREATE_COMPLETE"),
    ],
)
def test_a_failed_stacks_parameters_and_list_are_no_claim_on_a_living_ones_data(
    aws: Aws, recorded: Recorded, status: str, resource_status: str
) -> None:
    make_bucket(aws, NAMES.source_bucket, THEIRS)
    make_bucket(aws, NAMES.destination_bucket, [])
    make_bucket(aws, NAMES.artifacts_bucket, THEIRS)
    make_table(aws, NAMES.table, THEIRS)
    fill(aws, NAMES.source_bucket)
    lists(recorded, resource_status, *NAMES.holds_data)
    found = retained(aws, recorded, deployed(status))
    assert (found.data, found.objects, found.records, found.bundles) == ((), 0, 0, None)
    assert found.dead_letters == 0
    assert {item.name: item.owner for item in found.unproven} == {
        NAMES.source_bucket: LIVING,
        NAMES.destination_bucket: UNTAGGED,
        NAMES.table: LIVING,
        NAMES.artifacts_bucket: LIVING,
    }
    removed: list[int] = []
    assert teardown.delete_data(aws, found, removed.append) == teardown.DeletedData((), ())
    teardown.delete_bundles(aws, found)
    assert removed == []
    assert aws.s3.list_objects_v2(Bucket=NAMES.source_bucket)["KeyCount"] == 1
    assert aws.dynamodb.list_tables()["TableNames"] == [NAMES.table]


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "DELETE_FAILED", None])
def test_a_stacks_own_tag_is_proof_enough_when_the_stack_has_failed_or_is_gone(
    aws: Aws, recorded: Recorded, status: str | None
) -> None:
    make_bucket(aws, NAMES.source_bucket, OURS)
    make_table(aws, NAMES.table, OURS)
    fill(aws, NAMES.source_bucket)
    if status is not None:
        lists(recorded, "CREATE_FAILED")
    found = retained(aws, recorded, deployed(status))
    assert found.data == (NAMES.source_bucket, NAMES.table)
    assert (found.objects, found.unproven) == (1, ())
    data = teardown.delete_data(aws, found, lambda _: None)
    assert data.deleted == (NAMES.source_bucket, NAMES.table)
    assert aws.s3.list_buckets()["Buckets"] == []
    assert aws.dynamodb.list_tables()["TableNames"] == []


def test_an_adopted_bucket_without_a_tag_is_the_living_stacks_that_lists_it(
    aws: Aws, recorded: Recorded
) -> None:
    make_bucket(aws, NAMES.source_bucket, [])
    make_bucket(aws, NAMES.destination_bucket, [])
    aws.sqs.create_queue(QueueName=NAMES.dead_letter_queue)
    lists(recorded, "IMPORT_COMPLETE", NAMES.source_bucket)
    found = retained(aws, recorded, deployed("IMPORT_COMPLETE"))
    assert found.data == (NAMES.source_bucket,)
    assert [item.name for item in found.unproven] == [NAMES.destination_bucket]


def test_a_living_stack_does_not_claim_what_another_stacks_tag_names(
    aws: Aws, recorded: Recorded
) -> None:
    make_bucket(aws, NAMES.source_bucket, THEIRS)
    lists(recorded, "CREATE_COMPLETE", NAMES.source_bucket)
    found = retained(aws, recorded, deployed("UPDATE_COMPLETE"))
    assert found.data == ()
    assert str(found.unproven[0]) == f"{NAMES.source_bucket} (belongs to the stack living)"


def test_what_changes_hands_between_the_question_and_the_deletion_is_left_alone(
    aws: Aws, recorded: Recorded
) -> None:
    make_bucket(aws, NAMES.source_bucket, OURS)
    make_bucket(aws, NAMES.artifacts_bucket, OURS)
    fill(aws, NAMES.source_bucket)
    lists(recorded, "CREATE_COMPLETE", NAMES.source_bucket)
    found = retained(aws, recorded, deployed("UPDATE_COMPLETE"))
    for bucket in (NAMES.source_bucket, NAMES.artifacts_bucket):
        tags: Any = THEIRS
        aws.s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    data = teardown.delete_data(aws, found, lambda _: None)
    teardown.delete_bundles(aws, found)
    assert data.deleted == ()
    assert data.unproven == (teardown.UnprovenResource(NAMES.source_bucket, LIVING),)
    assert len(aws.s3.list_buckets()["Buckets"]) == 2


def test_what_only_the_list_proves_is_tagged_before_the_stack_goes(
    aws: Aws, recorded: Recorded
) -> None:
    """So that a deletion that is interrupted can be resumed; the bucket's other tags stay."""
    team: Any = [{"Key": "team", "Value": "x"}]
    make_bucket(aws, NAMES.source_bucket, team)
    make_bucket(aws, NAMES.destination_bucket, THEIRS)
    lists(recorded, "IMPORT_COMPLETE", NAMES.source_bucket, NAMES.destination_bucket)
    context = StackContext(aws, recorded.client, "imgctl", NAMES)
    found = teardown.claim(context, teardown.find_retained(context, deployed("IMPORT_COMPLETE")))
    tags = aws.s3.get_bucket_tagging(Bucket=NAMES.source_bucket)["TagSet"]
    assert tags == [*team, {"Key": "imgctl:stack", "Value": "imgctl"}]
    assert aws.s3.get_bucket_tagging(Bucket=NAMES.destination_bucket)["TagSet"] == THEIRS
    assert teardown.delete_data(aws, found, lambda _: None).deleted == (NAMES.source_bucket,)


def test_an_adopted_table_is_tagged_too(aws: Aws) -> None:
    make_table(aws, NAMES.table, [])
    ownership.tag(aws, NAMES, [NAMES.table], "imgctl")
    assert ownership.owner_of(aws, NAMES, NAMES.table) == Owner(Ownership.STACK, "imgctl")


def test_a_bucket_with_data_is_never_taken_for_the_bundles(aws: Aws, recorded: Recorded) -> None:
    make_bucket(aws, NAMES.source_bucket, OURS)
    names = replace(NAMES, artifacts_bucket=NAMES.source_bucket)
    lists(recorded, "CREATE_COMPLETE", NAMES.source_bucket)
    found = retained(aws, recorded, deployed("UPDATE_COMPLETE", names))
    assert found.bundles is None
    assert found.data == (NAMES.source_bucket,)


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "DELETE_FAILED", "ROLLBACK_COMPLETE"])
def test_messages_that_go_with_the_stacks_own_queue_are_counted(
    aws: Aws, recorded: Recorded, status: str
) -> None:
    url = aws.sqs.create_queue(QueueName="own")["QueueUrl"]
    aws.sqs.send_message(QueueUrl=url, MessageBody="{}")
    queue = {
        "LogicalResourceId": "DeadLetters",
        "PhysicalResourceId": url,
        "ResourceType": "AWS::SQS::Queue",
        "ResourceStatus": "CREATE_COMPLETE" if status != "ROLLBACK_COMPLETE" else "CREATE_FAILED",
        "LastUpdatedTimestamp": NOW,
    }
    recorded.responds("list_stack_resources", {"StackResourceSummaries": [queue]})
    expected = 0 if status == "ROLLBACK_COMPLETE" else 1
    assert retained(aws, recorded, deployed(status)).dead_letters == expected


@pytest.mark.parametrize("operation", ["head_bucket", "get_bucket_tagging"])
def test_a_bucket_that_may_not_be_read_is_left_alone(aws: Aws, operation: str) -> None:
    with Stubber(aws.s3) as stub:
        if operation == "get_bucket_tagging":
            stub.add_response("head_bucket", {"BucketRegion": "eu-west-2"})
            stub.add_client_error(operation, "AccessDenied")
        else:
            stub.add_client_error(operation, "403")
        assert ownership.bucket_owner(aws, "x") == ownership.ELSEWHERE
