import pytest

from imgctl.aws.session import Aws
from imgctl.core.record import Record, to_item
from imgctl.operations.key_spelling import recorded_key


@pytest.mark.parametrize(
    ("stored", "typed", "found"),
    [
        ("\u00e9.jpg", "e\u0301.jpg", "\u00e9.jpg"),  # as macOS completes the name
        ("e\u0301.jpg", "e\u0301.jpg", "e\u0301.jpg"),  # as another tool uploaded it
        ("e\u0301.jpg", "\u00e9.jpg", "\u00e9.jpg"),  # another key
        ("cake.jpg", "cake.jpg", "cake.jpg"),
    ],
)
def test_a_key_typed_decomposed_is_that_of_the_upload(
    aws: Aws, table: str, stored: str, typed: str, found: str
) -> None:
    record = Record(
        resource_id="1", original_object_key=stored, processing_time="2026-11-01T10:00:00.000Z"
    )
    aws.dynamodb.put_item(TableName=table, Item=to_item(record))
    assert recorded_key(aws.dynamodb, table, typed) == found
