"""Buckets and a table that somebody made by hand, taken into the stack with what is in them."""

import re
from pathlib import Path
from typing import Any

import pytest

from imgctl.aws.stack import load_outputs
from infra import deployment
from infra.bundle import build_local
from infra.bundle_cache import user_cache
from infra.deployed_stack import AdoptionStep
from infra.parameters import StackSettings
from infra.template import stack_template
from tests.e2e.conftest import Local, context_of, deploy_step
from tests.pictures import decoded, encoded, photo

SOURCE = "src-bucket-image-in-000000000000-us-east-1"
DESTINATION = "dest-bucket-image-out-000000000000-us-east-1"
QUEUE_ARN = "arn:aws:sqs:us-east-1:000000000000:another-team"


@pytest.fixture
def by_hand(empty: Local) -> Local:
    """Make the seed's buckets and table as its document has them made in the console."""
    aws = empty.aws
    for bucket in (SOURCE, DESTINATION):
        aws.s3.create_bucket(Bucket=bucket)
    aws.s3.put_object(Bucket=SOURCE, Key="old.png", Body=encoded(photo(60, 40), "PNG"))
    aws.s3.put_object(Bucket=DESTINATION, Key="resized-old.png", Body=b"as it was")
    aws.dynamodb.create_table(
        TableName="hala-db",
        KeySchema=[{"AttributeName": "resource-id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "resource-id", "AttributeType": "S"}],
        ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
    )
    aws.dynamodb.put_item(TableName="hala-db", Item={"resource-id": {"S": "of-the-seed"}})
    return empty


def test_what_was_made_by_hand_keeps_its_content_and_becomes_the_stacks(by_hand: Local) -> None:
    aws = by_hand.aws
    refused = by_hand.imgctl("deploy", "--yes")
    assert (refused.code, "--adopt" in refused.err) == (1, True)

    aws.s3.put_bucket_tagging(Bucket=SOURCE, Tagging={"TagSet": [{"Key": "team", "Value": "x"}]})
    planned = by_hand.imgctl("deploy", "--plan", "--adopt", "--json").succeeded().document
    assert {(c["action"], c["resource"]) for c in planned["changes"]} == {
        ("Import", "SourceBucket"),
        ("Import", "DestinationBucket"),
        ("Import", "Records"),
    }
    assert planned["partial"]
    told = by_hand.imgctl("deploy", "--plan", "--adopt").succeeded().err
    assert f"replaced: the tags team=x of {SOURCE}" in told
    assert by_hand.all_that_is_there()["functions"] == []

    by_hand.imgctl("deploy", "--adopt", "--yes").succeeded()
    outputs = load_outputs(aws, "imgctl")
    assert (outputs.source_bucket, outputs.table) == (SOURCE, "hala-db")
    table: Any = aws.dynamodb.describe_table(TableName="hala-db")["Table"]
    indexes = {index["IndexName"] for index in table["GlobalSecondaryIndexes"]}
    assert indexes == {"by-time", "by-key", "by-status"}
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    item = aws.dynamodb.get_item(TableName="hala-db", Key={"resource-id": {"S": "of-the-seed"}})
    assert "Item" in item
    kept = aws.s3.get_object(Bucket=DESTINATION, Key="resized-old.png")["Body"].read()
    assert kept == b"as it was"

    by_hand.imgctl("reprocess", "old.png").succeeded()
    result = aws.s3.get_object(Bucket=DESTINATION, Key="resized-old.png")["Body"].read()
    assert decoded(result).size == (30, 20)
    again = by_hand.imgctl("deploy", "--adopt", "--yes", "--json").succeeded().document
    assert not again["changed"]


def test_an_adoption_of_which_a_step_is_applied_is_finished_by_the_next_deploy(
    by_hand: Local, tmp_path: Path
) -> None:
    aws, context = by_hand.aws, context_of(by_hand, "imgctl")
    request = deployment.DeployRequest(
        stack_template(), StackSettings(), build_local(tmp_path, user_cache())
    )
    plan = str(tmp_path / "plan.json")
    by_hand.imgctl("deploy", "--plan", "--adopt", "--out", plan).succeeded()
    asked = by_hand.imgctl("deploy", "--apply", plan)
    assert (asked.code, f"Not created by imgctl, and will be imported: {SOURCE}" in asked.err) == (
        2,
        True,
    )
    step = by_hand.imgctl("deploy", "--apply", plan, "--yes", "--json").succeeded().document
    assert (step["changed"], step["partial"], step["outputs"]) == (True, True, None)
    again = by_hand.imgctl("deploy", "--apply", plan, "--yes").succeeded()
    assert "applied already" in again.err
    assert "Plan the next step with `imgctl --local deploy --plan --out FILE`" in again.err
    imported = context.client.read("imgctl")
    assert imported.status == "IMPORT_COMPLETE"
    assert imported.adoption_step is AdoptionStep.IMPORT
    deploy_step(context, request)
    assert context.client.read("imgctl").adoption_step is AdoptionStep.TABLE

    by_hand.imgctl("deploy", "--yes").succeeded()
    assert load_outputs(aws, "imgctl").table == "hala-db"
    by_hand.imgctl("destroy", "--yes").succeeded()
    by_hand.imgctl("deploy", "--yes").succeeded()
    assert aws.dynamodb.describe_table(TableName="hala-db")["Table"]["ItemCount"] == 1


def test_a_stack_with_indexes_of_an_earlier_version_gets_the_present_ones(
    empty: Local, tmp_path: Path
) -> None:
    aws, context = empty.aws, context_of(empty, "imgctl")
    parts = re.split(
        r"      (?:GlobalSecondaryIndexes:|DeletionProtectionEnabled: true)\n", stack_template()
    )
    assert len(parts) == 3
    earlier = (
        parts[0]
        .replace("AttributeName: Shard,", "AttributeName: TimeBucket,")
        .replace("        - {AttributeName: StatusShard, AttributeType: S}\n", "")
    )
    indexes = """      GlobalSecondaryIndexes:
        - IndexName: by-time
          KeySchema:
            - {AttributeName: TimeBucket, KeyType: HASH}
            - {AttributeName: ProcessingTime, KeyType: RANGE}
          Projection: {ProjectionType: ALL}
        - IndexName: by-key
          KeySchema:
            - {AttributeName: OriginalObjectKey, KeyType: HASH}
            - {AttributeName: ProcessingTime, KeyType: RANGE}
          Projection: {ProjectionType: ALL}
      DeletionProtectionEnabled: true
"""
    template = earlier + indexes + parts[2]
    bundle = build_local(tmp_path, user_cache())
    deploy_step(context, deployment.DeployRequest(template, StackSettings(), bundle))
    (tmp_path / "old.png").write_bytes(encoded(photo(60, 40), "PNG"))
    empty.imgctl("upload", str(tmp_path / "old.png")).succeeded()

    empty.imgctl("deploy", "--yes").succeeded()
    table: Any = aws.dynamodb.describe_table(TableName="hala-db")["Table"]
    found = {
        (index["IndexName"], index["Projection"]["ProjectionType"])
        for index in table["GlobalSecondaryIndexes"]
    }
    assert found == {(name, "KEYS_ONLY") for name in ("by-time", "by-key", "by-status")}
    (record,) = empty.imgctl("history", "--json").succeeded().document["records"]
    assert record["OriginalObjectKey"] == "old.png"
    again = empty.imgctl("deploy", "--yes", "--json").succeeded().document
    assert not again["changed"]


@pytest.mark.parametrize(
    "obstacle",
    ["notification", "policy", "acl", "function", "role", "logs", "index", "other index", "audit"],
)
def test_what_belongs_to_others_is_never_overwritten(by_hand: Local, obstacle: str) -> None:
    aws = by_hand.aws
    match obstacle:
        case "notification":
            aws.s3.put_bucket_notification_configuration(
                Bucket=SOURCE,
                NotificationConfiguration={
                    "QueueConfigurations": [
                        {"QueueArn": QUEUE_ARN, "Events": ["s3:ObjectCreated:*"]}
                    ]
                },
                SkipDestinationValidation=True,
            )
            said = QUEUE_ARN
        case "policy":
            policy = (
                '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*",'
                f' "Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::{SOURCE}/*"}}]}}'
            )
            aws.s3.put_bucket_policy(Bucket=SOURCE, Policy=policy)
            said = "bucket policy"
        case "acl":
            aws.s3.put_bucket_ownership_controls(
                Bucket=DESTINATION,
                OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]},
            )
            aws.s3.delete_public_access_block(Bucket=DESTINATION)
            aws.s3.put_bucket_acl(Bucket=DESTINATION, ACL="public-read")
            said = f"{DESTINATION} grants access by its ACL"
        case "logs":
            aws.logs.create_log_group(logGroupName="/aws/lambda/Landa-image-s3-function")
            said = "the log group /aws/lambda/Landa-image-s3-function exists"
        case "audit":
            aws.s3.create_bucket(Bucket="imgctl-access-logs-000000000000-us-east-1")
            said = "whose lifecycle rule deletes its content"
        case "function" | "role":
            role = aws.iam.create_role(RoleName="lambda-image-role", AssumeRolePolicyDocument="{}")
            said = "the role lambda-image-role exists"
            if obstacle == "function":
                aws.lambda_.create_function(
                    FunctionName="Landa-image-s3-function",
                    Role=role["Role"]["Arn"],
                    Runtime="python3.12",
                    Handler="x.y",
                    Code={"ZipFile": b"PK\x05\x06" + bytes(18)},
                )
                said = "the function Landa-image-s3-function exists"
        case _:
            said = "by-user" if obstacle == "index" else "by-key"
            aws.dynamodb.update_table(
                TableName="hala-db",
                AttributeDefinitions=[{"AttributeName": "user", "AttributeType": "S"}],
                GlobalSecondaryIndexUpdates=[
                    {
                        "Create": {
                            "IndexName": said,
                            "KeySchema": [{"AttributeName": "user", "KeyType": "HASH"}],
                            "Projection": {"ProjectionType": "ALL"},
                            "ProvisionedThroughput": {
                                "ReadCapacityUnits": 1,
                                "WriteCapacityUnits": 1,
                            },
                        }
                    }
                ],
            )
    refused = by_hand.imgctl("deploy", "--adopt", "--yes")
    assert refused.code == 1
    assert said in refused.err
    assert "Nothing was changed" in refused.err
    assert aws.cloudformation.describe_stacks()["Stacks"] == []


def test_old_versions_that_the_stack_would_delete_are_not_lost_unasked(by_hand: Local) -> None:
    by_hand.aws.s3.put_bucket_versioning(
        Bucket=SOURCE, VersioningConfiguration={"Status": "Enabled"}
    )
    refused = by_hand.imgctl("deploy", "--adopt", "--yes")
    assert (refused.code, "older than 90 days" in refused.err) == (1, True)
    by_hand.imgctl("deploy", "--adopt", "--yes", "--allow-data-loss").succeeded()


def test_a_notification_that_others_added_later_stops_an_update_of_the_bucket(
    shared: Local, tmp_path: Path
) -> None:
    aws = shared.aws
    shared.imgctl("deploy", "--stack", "told", "--yes").succeeded()
    bucket = load_outputs(aws, "told").source_bucket
    told: Any = aws.s3.get_bucket_notification_configuration(Bucket=bucket)
    del told["ResponseMetadata"]
    theirs = {"QueueArn": QUEUE_ARN, "Events": ["s3:ObjectRemoved:*"]}
    aws.s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration=told | {"QueueConfigurations": [theirs]},
        SkipDestinationValidation=True,
    )
    settings = tmp_path / "named.toml"
    settings.write_text(f'access_logs_bucket = "logs-{bucket[-40:]}"\n')
    deploy = ("deploy", "--stack", "told", "--yes", "--allow-data-loss", "--config", str(settings))
    refused = shared.imgctl(*deploy)
    assert (refused.code, QUEUE_ARN in refused.err) == (1, True)
    now: Any = aws.s3.get_bucket_notification_configuration(Bucket=bucket)
    assert now["QueueConfigurations"][0]["QueueArn"] == QUEUE_ARN
    shared.imgctl("destroy", "--stack", "told", "--yes", "--delete-data").succeeded()
