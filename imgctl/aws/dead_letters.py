"""Dead letters: events that the function could not finish, kept in a queue.

Lambda writes two messages for each: the function's dead letter, which is the event with the error
in the message's attributes, and the alias's on-failure record, which holds both (Lambda Developer
Guide, "Capturing records of asynchronous invocations"). One request id joins them.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from imgctl.aws.invoke import error_in
from imgctl.core.record import timestamp

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

HIDDEN_S = 16 * 60
"""How long a received message is nobody else's: longer than a function may run."""

_BATCH = 10  # SQS gives no more at once


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message: what it is about, why it is there, and the event, None where it is none."""

    receipt: str
    request_id: str
    sent: str
    keys: tuple[str, ...]
    cause: str
    event: Mapping[str, Any] | None


def count(sqs: "SQSClient", queue: str) -> int:
    """Tell about how many messages are in a queue; 0 where there is none of this name."""
    try:
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    except sqs.exceptions.QueueDoesNotExist:
        return 0
    told = sqs.get_queue_attributes(
        QueueUrl=url,
        AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
    )
    return sum(map(int, told["Attributes"].values()))


def receive(sqs: "SQSClient", queue_url: str) -> Iterator[list[DeadLetter]]:
    """Take the queue's messages, some at a time, until no more come.

    They stay in the queue, hidden for `HIDDEN_S` seconds; see `keep` and `delete`.
    """
    while True:
        answer = sqs.receive_message(
            QueueUrl=queue_url,
            MaxNumberOfMessages=_BATCH,
            VisibilityTimeout=HIDDEN_S,
            WaitTimeSeconds=1,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["SentTimestamp"],
        )
        if not (found := answer.get("Messages", [])):
            return
        yield [read(message) for message in found]


def keep(sqs: "SQSClient", queue_url: str, letter: DeadLetter) -> None:
    """Leave a message in the queue, to be seen again at once."""
    sqs.change_message_visibility(
        QueueUrl=queue_url, ReceiptHandle=letter.receipt, VisibilityTimeout=0
    )


def delete(sqs: "SQSClient", queue_url: str, letter: DeadLetter) -> None:
    """Remove a message for good."""
    sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=letter.receipt)


def read(message: "MessageTypeDef") -> DeadLetter:
    """Read a message of either form; what is neither has no event, and is kept."""
    attributes = {
        name: value.get("StringValue", "")
        for name, value in message.get("MessageAttributes", {}).items()
    }
    request_id, cause = attributes.get("RequestID", ""), attributes.get("ErrorMessage", "")
    try:
        body: Any = json.loads(message["Body"])
        event = body
        if "requestPayload" in body:
            event = body["requestPayload"]
            context = body.get("requestContext", {})
            request_id = context.get("requestId", "")
            cause = error_in(body.get("responsePayload") or context.get("condition"))
        keys = tuple(unquote_plus(one["s3"]["object"]["key"]) for one in event["Records"])
    except (ValueError, KeyError, TypeError, AttributeError):
        event, keys, cause = None, (), "not an event of this function"
    return DeadLetter(
        receipt=message["ReceiptHandle"],
        request_id=request_id or message.get("MessageId", ""),
        sent=_sent(message.get("Attributes", {}).get("SentTimestamp", "")),
        keys=keys,
        cause=cause or "no cause was told",
        event=event,
    )


def _sent(milliseconds: str) -> str:
    if not milliseconds:
        return ""
    return timestamp(datetime.fromtimestamp(int(milliseconds) / 1000, UTC))
