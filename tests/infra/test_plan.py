import pytest

from infra.deployed_stack import DeployedStack
from infra.plan import Change, ChangeSet, Plan, PropertyChange, Risk, assemble_plan

NEW = DeployedStack("s", None)
BUCKET, TABLE = "AWS::S3::Bucket", "AWS::DynamoDB::Table"


def change(action: str, type_: str, replacement: str = "", *properties: str) -> Change:
    changed = tuple(PropertyChange(name, None, None) for name in properties)
    return Change(action, "Id", "physical", type_, replacement, changed)


def plan_of(change: Change) -> Plan:
    return Plan(ChangeSet("s", "c", creates_stack=False, planned_from=NEW, changes=(change,)))


@pytest.mark.parametrize(
    "loss",
    [
        change("Remove", BUCKET),
        change("Remove", TABLE),
        change("Modify", BUCKET, "True", "BucketName"),
        change("Modify", TABLE, "Conditional", "KeySchema/0/AttributeName"),
        change("Modify", TABLE, "Conditional", "TableName", "Tags"),
    ],
)
def test_losing_or_replacing_what_holds_data_is_data_loss(loss: Change) -> None:
    assert plan_of(loss).loses_data == (loss,)


@pytest.mark.parametrize(
    "harmless",
    [
        change("Add", BUCKET),
        change("Import", TABLE),
        change("Modify", BUCKET, "False", "VersioningConfiguration"),
        change("Modify", BUCKET, "Conditional", "NotificationConfiguration"),
        change("Remove", "AWS::Lambda::Function"),
        change("Modify", "AWS::Lambda::Function", "True", "FunctionName"),
    ],
)
def test_nothing_else_is_data_loss(harmless: Change) -> None:
    assert not plan_of(harmless).loses_data


@pytest.mark.parametrize(
    ("changed", "risks"),
    [
        (change("Modify", "AWS::IAM::Role", "False", "Policies"), [Risk.IAM]),
        (change("Add", "AWS::Lambda::Permission"), [Risk.IAM]),
        (change("Add", "AWS::S3::BucketPolicy"), [Risk.IAM]),
        (change("Add", "AWS::ApiGateway::Method"), [Risk.PUBLIC_ACCESS]),
        (change("Remove", "AWS::ApiGateway::ApiKey"), [Risk.PUBLIC_ACCESS]),
        (
            change("Modify", "AWS::ApiGateway::Method", "False", "AuthorizationType"),
            [Risk.PUBLIC_ACCESS],
        ),
        (change("Modify", "AWS::ApiGateway::Method", "False", "Integration"), []),
        (
            change("Modify", BUCKET, "False", "PublicAccessBlockConfiguration/BlockPublicAcls"),
            [Risk.PUBLIC_ACCESS],
        ),
        (change("Add", BUCKET), []),
        (change("Remove", BUCKET), [Risk.DATA_LOSS]),
        (change("Modify", "AWS::Lambda::Function", "False", "Timeout"), []),
    ],
)
def test_permissions_and_public_access_are_marked(changed: Change, risks: list[Risk]) -> None:
    assert list(changed.risks) == risks


@pytest.mark.parametrize(
    ("name", "loses"),
    [
        ("AttributeDefinitions", False),
        ("AttributeDefinitions/0/AttributeName", False),
        ("AttributeDefinitions/0/AttributeType", True),
        ("GlobalSecondaryIndexes", False),
        ("KeySchema/0/AttributeName", True),
    ],
)
def test_a_tables_attributes_may_come_with_an_index_and_keep_their_types(
    name: str, loses: bool
) -> None:
    assert change("Modify", TABLE, "Conditional", name).loses_data == loses


def test_a_queue_that_is_replaced_would_lose_its_messages() -> None:
    assert change("Modify", "AWS::SQS::Queue", "True", "QueueName").loses_data


KEY = "arn:aws:kms:eu-west-2:123456789012:key/1"
OTHER_KEY = "arn:aws:kms:eu-west-2:123456789012:key/2"
NOT_EMPTY = ChangeSet("s", "c", creates_stack=False, planned_from=NEW)


def deployed(**parameters: str) -> DeployedStack:
    return DeployedStack("s", "UPDATE_COMPLETE", parameters=parameters)


def test_a_plan_has_the_parameters_that_change_and_the_live_version() -> None:
    before = deployed(Scale="0.5", LiveVersion="3", TableName="t")
    after = {"Scale": "0.25", "LiveVersion": "3", "TableName": "t"}
    plan = assemble_plan(before, NOT_EMPTY, after)
    assert plan.parameters == (PropertyChange("Scale", "0.5", "0.25"),)
    assert plan.live_version == "3"
    assert plan.is_last_step


def test_a_new_stack_and_an_empty_plan_have_no_changed_parameters() -> None:
    after = {"Scale": "0.25"}
    assert assemble_plan(NEW, NOT_EMPTY, after).parameters == ()
    nothing = ChangeSet("s", "", creates_stack=False, planned_from=NEW)
    assert assemble_plan(deployed(Scale="0.5"), nothing, after).parameters == ()


@pytest.mark.parametrize(
    ("before", "in_use", "after", "abandoned"),
    [
        (KEY, (), {"KmsKeyArn": ""}, KEY),
        (KEY, (), {"KmsKeyArn": OTHER_KEY}, KEY),
        (KEY, (), {"KmsKeyArn": KEY}, ""),
        (KEY, (), {}, ""),  # a rollback leaves the parameter as it is
        ("", (KEY,), {"KmsKeyArn": ""}, KEY),
        ("", (KEY,), {"KmsKeyArn": KEY}, ""),
        ("", (KEY, OTHER_KEY), {"KmsKeyArn": KEY}, OTHER_KEY),
        ("", (), {"KmsKeyArn": KEY}, ""),
    ],
)
def test_a_key_that_data_still_needs_is_reported_as_abandoned(
    before: str, in_use: tuple[str, ...], after: dict[str, str], abandoned: str
) -> None:
    plan = assemble_plan(deployed(KmsKeyArn=before), NOT_EMPTY, after, keys_in_use=in_use)
    assert plan.abandoned_key == abandoned
