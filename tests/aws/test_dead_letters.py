import json
from typing import Any

import pytest

from imgctl.aws import dead_letters
from imgctl.aws.session import Aws
from tests.dead_letter_messages import DEAD_LETTER, EVENT, ON_FAILURE


@pytest.mark.parametrize("message", [DEAD_LETTER, ON_FAILURE])
def test_both_messages_about_one_event_tell_the_same(message: Any) -> None:
    letter = dead_letters.read(message)
    assert (letter.request_id, letter.cause) == ("request-1", "SlowDown")
    assert (letter.keys, letter.event) == (("Käse 1.jpg",), EVENT)


def test_an_event_that_waited_too_long_has_its_condition_for_a_cause() -> None:
    body = json.loads(ON_FAILURE["Body"])
    del body["responsePayload"]
    body["requestContext"]["condition"] = "EventAgeExceeded"
    message: Any = ON_FAILURE | {"Body": json.dumps(body)}
    letter = dead_letters.read(message)
    assert letter.cause == "EventAgeExceeded"


@pytest.mark.parametrize("body", ["no JSON", "[]", "null", '{"Records": [{}]}', '"text"', "{}"])
def test_what_is_no_event_is_read_without_one(body: str) -> None:
    letter = dead_letters.read({"Body": body, "MessageId": "m", "ReceiptHandle": "r"})
    assert (letter.event, letter.request_id) == (None, "m")
    assert letter.cause


def test_a_letter_stays_in_the_queue_until_it_is_deleted(aws: Aws) -> None:
    url = aws.sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
    for number in range(13):
        aws.sqs.send_message(QueueUrl=url, MessageBody=json.dumps(EVENT | {"number": number}))
    found = [letter for batch in dead_letters.receive(aws.sqs, url) for letter in batch]
    assert len(found) == 13
    assert list(dead_letters.receive(aws.sqs, url)) == []  # hidden
    assert dead_letters.count(aws.sqs, "dead-letters") == 13
    dead_letters.delete(aws.sqs, url, found[0])
    assert dead_letters.count(aws.sqs, "dead-letters") == 12
    assert dead_letters.count(aws.sqs, "no such queue") == 0
    for letter in found[1:]:
        dead_letters.keep(aws.sqs, url, letter)
    again = [letter for batch in dead_letters.receive(aws.sqs, url) for letter in batch]
    assert len(again) == 12
