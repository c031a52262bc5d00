"""Two messages are one event; nothing leaves the queue before it is done."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from moto import mock_aws

from imgctl.aws.invoke import InvokeResult
from imgctl.aws.session import Aws, connect
from imgctl.cli.app import App
from imgctl.cli.commands import redrive
from tests.aws.test_dead_letters import EVENT, ON_FAILURE
from tests.cli_result import CliResult
from tests.stack_outputs import OUTPUTS

Imgctl = Callable[..., CliResult]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        aws = connect(region="eu-west-2")
        url = aws.sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
        monkeypatch.setattr(App, "aws", aws)
        monkeypatch.setattr(App, "outputs", replace(OUTPUTS, dead_letter_queue=url))
        attributes: Any = {
            "RequestID": {"StringValue": "request-1", "DataType": "String"},
            "ErrorMessage": {"StringValue": "SlowDown", "DataType": "String"},
        }
        aws.sqs.send_message(
            QueueUrl=url, MessageBody=json.dumps(EVENT), MessageAttributes=attributes
        )
        for number in range(10):  # so that the two come in different batches
            aws.sqs.send_message(QueueUrl=url, MessageBody=json.dumps(EVENT | {"n": number}))
        aws.sqs.send_message(QueueUrl=url, MessageBody=ON_FAILURE["Body"])
        yield aws


def waiting(aws: Aws) -> int:
    answer = aws.sqs.get_queue_attributes(
        QueueUrl=aws.sqs.get_queue_url(QueueName="dead-letters")["QueueUrl"],
        AttributeNames=["ApproximateNumberOfMessages"],
    )
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def test_both_messages_about_one_event_are_one_letter_and_go_together(
    aws: Aws, imgctl: Imgctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []

    def send(_app: App, letter: Any) -> InvokeResult:
        sent.append(letter.request_id)
        return InvokeResult()

    monkeypatch.setattr(redrive, "_send", send)
    done = imgctl("redrive", "--json").succeeded().document
    assert len(done["letters"]) == 11
    assert sent.count("request-1") == 1
    assert waiting(aws) == 0


def test_what_fails_again_stays_and_is_seen_again_at_once(
    aws: Aws, imgctl: Imgctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redrive, "_send", lambda _app, _letter: InvokeResult(error="still down"))
    done = imgctl("redrive")
    assert done.code == 1
    assert "still down" in done.out
    assert waiting(aws) == 12


def test_an_interruption_hides_nothing(
    aws: Aws, imgctl: Imgctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_app: App, _letter: Any) -> InvokeResult:
        raise KeyboardInterrupt

    monkeypatch.setattr(redrive, "_send", interrupted)
    assert imgctl("redrive").code == 130
    assert waiting(aws) == 12


def test_listing_changes_nothing(aws: Aws, imgctl: Imgctl) -> None:
    listed = imgctl("redrive", "--list", "--json").succeeded().document["letters"]
    assert {letter["outcome"] for letter in listed} == {"waiting"}
    assert waiting(aws) == 12
