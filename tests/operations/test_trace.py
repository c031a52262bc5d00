import json
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from imgctl.aws.session import Aws
from imgctl.aws.stack import StackOutputs
from imgctl.core.errors import InvalidInput
from imgctl.core.keys import resource_id
from imgctl.core.record import Record, Status, timestamp, to_item
from imgctl.operations.timeline import timeline
from imgctl.operations.trace import NothingToTrace, Trace, trace
from tests.dead_letter_messages import ON_FAILURE
from tests.stack_outputs import OUTPUTS

KEY = "Käse 1.jpg"  # that of the dead letter


@pytest.fixture
def outputs(aws: Aws, table: str) -> StackOutputs:
    location: Any = {"LocationConstraint": "eu-west-2"}
    for bucket in ("src", "dest"):
        aws.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=location)
    aws.s3.put_bucket_versioning(Bucket="src", VersioningConfiguration={"Status": "Enabled"})
    aws.logs.create_log_group(logGroupName="/aws/lambda/f")
    aws.logs.create_log_stream(logGroupName="/aws/lambda/f", logStreamName="s")
    return replace(
        OUTPUTS,
        source_bucket="src",
        destination_bucket="dest",
        table=table,
        function_log_group="/aws/lambda/f",
        dead_letter_queue=aws.sqs.create_queue(QueueName="dead")["QueueUrl"],
    )


def put(aws: Aws, key: str = KEY) -> str:
    return aws.s3.put_object(Bucket="src", Key=key, Body=b"x", ContentType="image/jpeg")[
        "VersionId"
    ]


def log(aws: Aws, *messages: dict[str, Any]) -> None:
    now_ms = round(datetime.now(UTC).timestamp() * 1000)
    events: Any = [{"timestamp": now_ms, "message": json.dumps(message)} for message in messages]
    aws.logs.put_log_events(logGroupName="/aws/lambda/f", logStreamName="s", logEvents=events)


def put_record(aws: Aws, table: str, version_id: str, **fields: Any) -> Record:
    now = timestamp(datetime.now(UTC))
    record = Record(
        resource_id=resource_id("src", KEY, version_id=version_id),
        original_object_key=KEY,
        event_time=now,
        processing_time=now,
        version_id=version_id,
        **fields,
    )
    aws.dynamodb.put_item(TableName=table, Item=to_item(record))
    return record


def traced(aws: Aws, outputs: StackOutputs, key: str = KEY) -> Trace:
    return trace(aws, outputs, key, now=datetime.now(UTC))


def test_an_upload_is_traced_to_its_output(aws: Aws, outputs: StackOutputs) -> None:
    old, version_id = put(aws), put(aws)
    record = put_record(
        aws, outputs.table, version_id, request_id="r2", resized_bucket="dest",
        resized_object_key="resized.jpg", resized_width=20, resized_height=10,
    )  # fmt: skip
    aws.s3.put_object(
        Bucket="dest", Key="resized.jpg", Body=b"x", Metadata={"record_id": record.resource_id}
    )
    log(
        aws,
        {"requestId": "r1", "key": KEY, "version": old, "outcome": "SUCCEEDED"},
        {"requestId": "r2", "key": "another.jpg", "outcome": "SUCCEEDED"},
        {"requestId": "r2", "key": KEY, "version": version_id, "outcome": "SUCCEEDED"},
        {"requestId": "r2", "key": "w", "outcome": "RENDITION", "record": record.resource_id},
        {"requestId": "r2", "key": "w", "outcome": "RENDITION", "record": "another"},
    )
    found = traced(aws, outputs)
    assert found.upload is not None
    assert (found.upload.version_id, found.record) == (version_id, record)
    (output,) = found.outputs
    assert (output.recorded.key, output.problem) == ("resized.jpg", "")
    (invocation,) = found.invocations
    assert invocation.request_id == "r2"
    assert [line.fields["outcome"] for line in invocation.lines] == ["SUCCEEDED", "RENDITION"]
    assert found.missing == ()


@pytest.mark.parametrize(
    ("metadata", "problem"),
    [(None, "is gone"), ({"record_id": "other"}, "is that of another upload by now")],
)
def test_an_output_that_is_not_the_records_is_told(
    aws: Aws, outputs: StackOutputs, metadata: dict[str, str] | None, problem: str
) -> None:
    fields = {"resized_bucket": "dest", "resized_object_key": "resized.jpg"}
    put_record(aws, outputs.table, put(aws), **fields)
    if metadata is not None:
        aws.s3.put_object(Bucket="dest", Key="resized.jpg", Body=b"x", Metadata=metadata)
    (output,) = traced(aws, outputs).outputs
    assert output.problem == problem


def test_an_upload_without_a_record_is_traced_to_its_dead_letter(
    aws: Aws, outputs: StackOutputs
) -> None:
    version_id = put(aws)
    aws.sqs.send_message(QueueUrl=outputs.dead_letter_queue, MessageBody=ON_FAILURE["Body"])
    log(aws, {"requestId": "request-1", "key": KEY, "version": version_id, "outcome": "RETRY"})
    found = traced(aws, outputs)
    assert found.record is None
    assert [letter.cause for letter in found.dead_letters] == ["SlowDown"]
    assert [one.request_id for one in found.invocations] == ["request-1"]
    attributes = aws.sqs.get_queue_attributes(
        QueueUrl=outputs.dead_letter_queue, AttributeNames=["ApproximateNumberOfMessages"]
    )["Attributes"]
    assert attributes["ApproximateNumberOfMessages"] == "1"  # it stays for redrive


def test_the_queue_is_left_alone_after_a_success(aws: Aws, outputs: StackOutputs) -> None:
    put_record(aws, outputs.table, put(aws))
    found = traced(aws, replace(outputs, dead_letter_queue="http://no-such-queue"))
    assert found.missing == ()


def test_the_rest_is_told_without_the_log(aws: Aws, outputs: StackOutputs) -> None:
    put(aws)
    found = traced(aws, replace(outputs, function_log_group="/no/such/group"))
    (missing,) = found.missing
    assert missing.startswith("log lines: ")
    assert [entry.step.value for entry in timeline(found)] == ["upload"]


def test_an_object_that_is_gone_is_traced_by_its_record(aws: Aws, outputs: StackOutputs) -> None:
    record = put_record(aws, outputs.table, "v1", status=Status.FAILED)
    found = traced(aws, outputs)
    assert (found.upload, found.record) == (None, record)


def test_a_key_typed_decomposed_is_that_of_the_upload(aws: Aws, outputs: StackOutputs) -> None:
    put(aws, KEY)
    assert traced(aws, outputs, unicodedata.normalize("NFD", KEY)).key == KEY


def test_a_key_of_which_nothing_is_known_is_an_error(aws: Aws, outputs: StackOutputs) -> None:
    with pytest.raises(NothingToTrace, match=r"nothing\.jpg"):
        traced(aws, outputs, "nothing.jpg")
    with pytest.raises(InvalidInput):
        traced(aws, outputs, "")
