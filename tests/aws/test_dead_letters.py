import json
from typing import Any

import pytest

from imgctl.aws import dead_letters
from imgctl.aws.session import Aws
from tests.dead_letter_messages import DEAD_LETTER, EVENT, ON_FAILURE


@pytest.mark.parametrize("message", [DEAD_LETTER, ON_FAILURE])
def test_both_messages_about_an_event_have_its_request_cause_and_keys(message: Any) -> None:
    dead_letter = dead_letters.parse_message(message)
    assert (dead_letter.request_id, dead_letter.cause) == ("request-1", "SlowDown")
    assert (dead_letter.keys, dead_letter.event) == (("Käse 1.jpg",), EVENT)


def test_the_cause_of_an_expired_event_is_its_condition() -> None:
    body = json.loads(ON_FAILURE["Body"])
    del body["responsePayload"]
    body["requestContext"]["condition"] = "EventAgeExceeded"
    message: Any = ON_FAILURE | {"Body": json.dumps(body)}
    dead_letter = dead_letters.parse_message(message)
    assert dead_letter.cause == "EventAgeExceeded"


@pytest.mark.parametrize("body", ["no JSON", "[]", "null", '{"Records": [{}]}', '"text"', "{}"])
def test_a_message_that_is_no_event_is_parsed_without_one(body: str) -> None:
    dead_letter = dead_letters.parse_message({"Body": body, "MessageId": "m", "ReceiptHandle": "r"})
    assert (dead_letter.event, dead_letter.request_id) == (None, "m")
    assert dead_letter.cause


def test_a_dead_letter_stays_in_the_queue_until_it_is_deleted(aws: Aws) -> None:
    url = aws.sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
    for number in range(13):
        aws.sqs.send_message(QueueUrl=url, MessageBody=json.dumps(EVENT | {"number": number}))
    received = [
        dead_letter for batch in dead_letters.receive(aws.sqs, url) for dead_letter in batch
    ]
    assert len(received) == 13
    assert list(dead_letters.receive(aws.sqs, url)) == []  # hidden
    assert dead_letters.count(aws.sqs, "dead-letters") == 13
    dead_letters.delete(aws.sqs, url, received[0])
    assert dead_letters.count(aws.sqs, "dead-letters") == 12
    assert dead_letters.count(aws.sqs, "no such queue") == 0
    for dead_letter in received[1:]:
        dead_letters.keep(aws.sqs, url, dead_letter)
    received_again = [
        dead_letter for batch in dead_letters.receive(aws.sqs, url) for dead_letter in batch
    ]
    assert len(received_again) == 12
