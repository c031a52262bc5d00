import pytest

from infra.plan import Change, Plan, PropertyChange, Risk

BUCKET, TABLE = "AWS::S3::Bucket", "AWS::DynamoDB::Table"


def change(action: str, type_: str, replacement: str = "", *properties: str) -> Change:
    changed = tuple(PropertyChange(name, None, None) for name in properties)
    return Change(action, "Id", "physical", type_, replacement, changed)


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
    assert Plan("s", "c", creates_stack=False, changes=(loss,)).loses_data == (loss,)


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
    assert not Plan("s", "c", creates_stack=False, changes=(harmless,)).loses_data


@pytest.mark.parametrize(
    ("told", "marks"),
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
def test_what_touches_rights_or_opens_a_door_is_marked(told: Change, marks: list[Risk]) -> None:
    assert list(told.risks) == marks


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


def test_a_queue_that_is_replaced_would_lose_its_letters() -> None:
    assert change("Modify", "AWS::SQS::Queue", "True", "QueueName").loses_data
