"""Dead letters: events that the function failed to process, kept in an SQS queue.

Lambda writes two messages for each event: one to the function's dead-letter queue, with the event
as its body and the error in the message attributes, and one to the alias's on-failure destination,
with both in its body (Lambda Developer Guide, "Capturing records of asynchronous invocations").
Both carry the same request ID.
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
"""The visibility timeout of received messages: longer than a function may run."""

_MAX_RECEIVE = 10
"""The limit of messages per ReceiveMessage (Amazon SQS API Reference)."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message: the object keys, the cause of the failure and the event.

    `event` is None if the message is not an event of the function's.
    """

    receipt: str
    request_id: str
    sent: str
    keys: tuple[str, ...]
    cause: str
    event: Mapping[str, Any] | None


def count(sqs: "SQSClient", queue: str) -> int:
    """Return the approximate number of messages in a queue; 0 if there is no such queue."""
    try:
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    except sqs.exceptions.QueueDoesNotExist:
        return 0
    return count_at(sqs, url)


def count_at(sqs: "SQSClient", queue_url: str) -> int:
    """Return the approximate number of messages in a queue, those that are hidden among them."""
    response = sqs.get_queue_attributes(
        QueueUrl=queue_url,
        AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
    )
    return sum(map(int, response["Attributes"].values()))


def receive(sqs: "SQSClient", queue_url: str) -> Iterator[list[DeadLetter]]:
    """Receive the queue's messages in batches until it returns no more.

    Received messages stay in the queue, hidden from other readers for `HIDDEN_S` seconds, until
    `keep` or `delete` is called.
    """
    while True:
        response = sqs.receive_message(
            QueueUrl=queue_url,
            MaxNumberOfMessages=_MAX_RECEIVE,
            VisibilityTimeout=HIDDEN_S,
            WaitTimeSeconds=1,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["SentTimestamp"],
        )
        messages = response.get("Messages", [])
        if not messages:
            return
        yield [parse_message(message) for message in messages]


def keep(sqs: "SQSClient", queue_url: str, dead_letter: DeadLetter) -> None:
    """Make a received message visible in the queue again."""
    sqs.change_message_visibility(
        QueueUrl=queue_url, ReceiptHandle=dead_letter.receipt, VisibilityTimeout=0
    )


def delete(sqs: "SQSClient", queue_url: str, dead_letter: DeadLetter) -> None:
    """Delete a received message from the queue."""
    sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=dead_letter.receipt)


def parse_message(message: "MessageTypeDef") -> DeadLetter:
    """Parse a message of either kind; the event of any other message is None."""
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
        keys = tuple(unquote_plus(record["s3"]["object"]["key"]) for record in event["Records"])
    except (ValueError, KeyError, TypeError, AttributeError):
        event, keys, cause = None, (), "not an event of this function's"
    return DeadLetter(
        receipt=message["ReceiptHandle"],
        request_id=request_id or message.get("MessageId", ""),
        sent=_sent_time(message.get("Attributes", {}).get("SentTimestamp", "")),
        keys=keys,
        cause=cause or "no cause was reported",
        event=event,
    )


def _sent_time(milliseconds: str) -> str:
    if not milliseconds:
        return ""
    return timestamp(datetime.fromtimestamp(int(milliseconds) / 1000, UTC))
