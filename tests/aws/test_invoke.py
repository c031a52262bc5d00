import io
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from botocore.response import StreamingBody
from botocore.stub import Stubber

from imgctl.aws.findings import SourceObject
from imgctl.aws.invoke import InvokeResult, invoke, invoke_each, s3_event_for
from imgctl.aws.session import Aws
from imgctl.core.record import Status
from imgctl.worker.events import ObjectCreated, parse_event

SOURCE = SourceObject(
    key="Käse +1%.jpg", version_id="v1", etag="e1", size=7, modified="2026-11-23", sequencer="0A"
)


def test_the_function_reads_the_object_from_the_event() -> None:
    (created,) = parse_event(s3_event_for(SOURCE, "bucket"))
    assert isinstance(created, ObjectCreated)
    assert (created.bucket, created.key) == ("bucket", SOURCE.key)
    assert (created.version_id, created.etag, created.sequencer) == ("v1", "e1", "0A")
    assert created.size == 7
    (minimal,) = parse_event(s3_event_for(replace(SOURCE, version_id="", sequencer=""), "bucket"))
    assert isinstance(minimal, ObjectCreated)
    assert (minimal.version_id, minimal.sequencer) == ("", "")


def invoke_with_response(aws: Aws, payload: Any, **more: Any) -> InvokeResult:
    data = json.dumps(payload).encode()
    with Stubber(aws.lambda_) as stub:
        body: Any = StreamingBody(io.BytesIO(data), len(data))
        stub.add_response("invoke", {"StatusCode": 200, "Payload": body, **more})
        return invoke(aws.lambda_, "function", {"Records": []})


def test_the_outcome_of_each_object_is_read_from_the_response(aws: Aws) -> None:
    outcomes = [
        {"key": "a", "record": "1", "status": "SUCCEEDED", "code": None, "reason": None},
        {"key": "b", "record": "2", "status": "FAILED", "code": "damaged", "reason": "Truncated."},
    ]
    result = invoke_with_response(aws, {"statusCode": 200, "body": "{}", "outcomes": outcomes})
    assert [(outcome.key, outcome.status, outcome.reason) for outcome in result.outcomes] == [
        ("a", Status.SUCCEEDED, ""),
        ("b", Status.FAILED, "damaged: Truncated."),
    ]
    assert result.error == ""


def test_an_error_of_the_function_is_reported_unchanged(aws: Aws) -> None:
    error = {"errorMessage": "a.jpg: SlowDown", "errorType": "RetryableFailures"}
    assert invoke_with_response(aws, error, FunctionError="Unhandled").error == "a.jpg: SlowDown"
    assert invoke_with_response(aws, None, FunctionError="Unhandled").error


class SlowFirst:
    """A Lambda client whose first invocation is the last to finish."""

    def __init__(self) -> None:
        self.running = self.max_running = 0
        self._others_finished = threading.Event()
        self._lock = threading.Lock()
        self.finished = 0

    def invoke(self, **request: Any) -> Any:
        """Return a success for the key in the event."""
        with self._lock:
            self.running += 1
            self.max_running = max(self.max_running, self.running)
        key = json.loads(request["Payload"])["Records"][0]["s3"]["object"]["key"]
        if key == "0":
            self._others_finished.wait(10)
        with self._lock:
            self.running -= 1
            self.finished += 1
            if self.finished >= 3:
                self._others_finished.set()
        payload = {"outcomes": [{"key": key, "status": "SUCCEEDED", "code": None, "reason": None}]}
        return {"Payload": io.BytesIO(json.dumps(payload).encode())}


def test_results_come_in_order_and_only_a_few_objects_are_read_ahead() -> None:
    read = []

    def sources() -> Iterator[SourceObject]:
        for number in range(50):
            read.append(number)
            yield replace(SOURCE, key=str(number))

    client: Any = SlowFirst()
    invocations = invoke_each(client, "function", "bucket", sources(), jobs=4)
    first = next(invocations)
    assert (first.source.key, first.result.outcomes[0].key) == ("0", "0")
    assert len(read) <= 8
    assert [invocation.source.key for invocation in invocations] == [
        str(number) for number in range(1, 50)
    ]
    assert client.max_running <= 4
