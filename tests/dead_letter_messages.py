"""The two messages that Lambda writes about one event that the function could not process."""

import json
from typing import Any

EVENT = {"Records": [{"s3": {"object": {"key": "K%C3%A4se+1.jpg"}}}]}

DEAD_LETTER: Any = {
    "Body": json.dumps(EVENT),
    "MessageId": "m1",
    "ReceiptHandle": "r1",
    "Attributes": {"SentTimestamp": "1790000000000"},
    "MessageAttributes": {
        "RequestID": {"StringValue": "request-1", "DataType": "String"},
        "ErrorCode": {"StringValue": "200", "DataType": "Number"},
        "ErrorMessage": {"StringValue": "SlowDown", "DataType": "String"},
    },
}
ON_FAILURE: Any = {
    "Body": json.dumps(
        {
            "version": "1.0",
            "timestamp": "2026-11-23T10:00:00.000Z",
            "requestContext": {
                "requestId": "request-1",
                "functionArn": "arn:aws:lambda:eu-west-2:123456789012:function:f:live",
                "condition": "RetriesExhausted",
                "approximateInvokeCount": 3,
            },
            "requestPayload": EVENT,
            "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
            "responsePayload": {"errorMessage": "SlowDown", "errorType": "RetryableFailures"},
        }
    ),
    "MessageId": "m2",
    "ReceiptHandle": "r2",
}
