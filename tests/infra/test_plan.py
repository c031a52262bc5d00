import pytest

from infra.plan import Change, Plan, PropertyChange

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
