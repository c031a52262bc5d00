"""Two messages are one event; nothing leaves the queue before it is done."""

import json
from collections.abc import Mapping
from itertools import islice
from typing import Any

import pytest

from imgctl.aws.invoke import InvokeResult, ObjectResult
from imgctl.aws.session import Aws
from imgctl.core.record import Status
from imgctl.operations.redrive import RedriveStatus, list_dead_letters, redrive
from tests.dead_letter_messages import EVENT, ON_FAILURE

MESSAGES = 12


@pytest.fixture
def queue(aws: Aws) -> str:
    """Create a queue with eleven events, one of them with both of its messages."""
    url = aws.sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
    attributes: Any = {
        "RequestID": {"StringValue": "request-1", "DataType": "String"},
        "ErrorMessage": {"StringValue": "SlowDown", "DataType": "String"},
    }
    aws.sqs.send_message(QueueUrl=url, MessageBody=json.dumps(EVENT), MessageAttributes=attributes)
    for number in range(10):  # so that the two come in different batches
        aws.sqs.send_message(QueueUrl=url, MessageBody=json.dumps(EVENT | {"n": number}))
    aws.sqs.send_message(QueueUrl=url, MessageBody=ON_FAILURE["Body"])
    return url


def visible(aws: Aws, queue: str) -> int:
    response = aws.sqs.get_queue_attributes(
        QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(response["Attributes"]["ApproximateNumberOfMessages"])


def test_both_messages_about_one_event_are_sent_once_and_deleted_together(
    aws: Aws, queue: str
) -> None:
    sent: list[Mapping[str, Any]] = []

    def succeed(event: Mapping[str, Any]) -> InvokeResult:
        sent.append(event)
        return InvokeResult()

    results = list(redrive(aws.sqs, queue, succeed))
    assert len(results) == len(sent) == 11
    assert {result.status for result in results} == {RedriveStatus.REPLAYED}
    assert [result.letter.request_id for result in results].count("request-1") == 1
    assert visible(aws, queue) == 0


def test_an_event_whose_image_fails_was_processed(aws: Aws, queue: str) -> None:
    def record_failure(_: Mapping[str, Any]) -> InvokeResult:
        return InvokeResult((ObjectResult("Käse 1.jpg", Status.FAILED, "damaged: no data"),))

    results = list(redrive(aws.sqs, queue, record_failure))
    assert {(r.status, r.reason) for r in results} == {(RedriveStatus.REPLAYED, "damaged: no data")}
    assert visible(aws, queue) == 0


def test_what_fails_again_stays_and_is_visible_at_once(aws: Aws, queue: str) -> None:
    results = list(redrive(aws.sqs, queue, lambda _: InvokeResult(error="still down")))
    assert {(r.status, r.reason) for r in results} == {(RedriveStatus.FAILED, "still down")}
    assert visible(aws, queue) == MESSAGES


def test_an_interruption_hides_nothing(aws: Aws, queue: str) -> None:
    def interrupted(_: Mapping[str, Any]) -> InvokeResult:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(redrive(aws.sqs, queue, interrupted))
    assert visible(aws, queue) == MESSAGES


def test_a_reader_that_stops_early_leaves_only_what_was_sent_out_of_the_queue(
    aws: Aws, queue: str
) -> None:
    events = redrive(aws.sqs, queue, lambda _: InvokeResult())
    assert len(list(islice(events, 1))) == 1
    events.close()
    assert visible(aws, queue) == MESSAGES - 10  # the first batch was sent and deleted


def test_listing_changes_nothing(aws: Aws, queue: str) -> None:
    listed = list(list_dead_letters(aws.sqs, queue))
    assert len(listed) == 11
    assert {result.status for result in listed} == {RedriveStatus.WAITING}
    assert visible(aws, queue) == MESSAGES


def test_a_message_that_is_no_event_fails_and_stays(aws: Aws) -> None:
    url = aws.sqs.create_queue(QueueName="other")["QueueUrl"]
    aws.sqs.send_message(QueueUrl=url, MessageBody="hello")
    (result,) = redrive(aws.sqs, url, lambda _: InvokeResult())
    assert result.status is RedriveStatus.FAILED
    assert visible(aws, url) == 1
