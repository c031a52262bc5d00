import io
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from botocore.response import StreamingBody
from botocore.stub import Stubber

from imgctl.aws.audit import SourceObject
from imgctl.aws.invoke import InvokeResult, invoke, invoke_each, s3_event_for
from imgctl.aws.session import Aws
from imgctl.core.record import Status
from imgctl.worker.events import objects_created

SOURCE = SourceObject(
    key="Käse +1%.jpg", version_id="v1", etag="e1", size=7, modified="2026-11-23", sequencer="0A"
)


def test_the_function_reads_in_the_event_what_was_put_into_it() -> None:
    (created,) = objects_created(s3_event_for(SOURCE, "bucket"))
    assert (created.bucket, created.key) == ("bucket", SOURCE.key)
    assert (created.version_id, created.etag, created.sequencer) == ("v1", "e1", "0A")
    assert created.size == 7
    (bare,) = objects_created(s3_event_for(replace(SOURCE, version_id="", sequencer=""), "bucket"))
    assert (bare.version_id, bare.sequencer) == ("", "")


def answered(aws: Aws, payload: Any, **more: Any) -> InvokeResult:
    data = json.dumps(payload).encode()
    with Stubber(aws.lambda_) as stub:
        body: Any = StreamingBody(io.BytesIO(data), len(data))
        stub.add_response("invoke", {"StatusCode": 200, "Payload": body, **more})
        return invoke(aws.lambda_, "function", {"Records": []})


def test_the_outcome_of_each_object_is_read_from_the_answer(aws: Aws) -> None:
    told = [
        {"key": "a", "record": "1", "status": "SUCCEEDED", "code": None, "reason": None},
        {"key": "b", "record": "2", "status": "FAILED", "code": "damaged", "reason": "Torn."},
    ]
    answer = answered(aws, {"statusCode": 200, "body": "{}", "outcomes": told})
    assert [(one.key, one.status, one.reason) for one in answer.outcomes] == [
        ("a", Status.SUCCEEDED, ""),
        ("b", Status.FAILED, "damaged: Torn."),
    ]
    assert answer.error == ""


def test_an_error_of_the_function_is_told_in_its_own_words(aws: Aws) -> None:
    error = {"errorMessage": "a.jpg: SlowDown", "errorType": "RetryableFailures"}
    assert answered(aws, error, FunctionError="Unhandled").error == "a.jpg: SlowDown"
    assert answered(aws, None, FunctionError="Unhandled").error


class SlowFirst:
    """A function whose first answer comes last."""

    def __init__(self) -> None:
        self.under_way = self.most = 0
        self._others_done = threading.Event()
        self._lock = threading.Lock()
        self.answers = 0

    def invoke(self, **request: Any) -> Any:
        """InvokeResult with the key that the event names."""
        with self._lock:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        key = json.loads(request["Payload"])["Records"][0]["s3"]["object"]["key"]
        if key == "0":
            self._others_done.wait(10)
        with self._lock:
            self.under_way -= 1
            self.answers += 1
            if self.answers >= 3:
                self._others_done.set()
        told = {"outcomes": [{"key": key, "status": "SUCCEEDED", "code": None, "reason": None}]}
        return {"Payload": io.BytesIO(json.dumps(told).encode())}


def test_answers_come_in_order_and_only_a_few_are_under_way() -> None:
    taken = []

    def sources() -> Iterator[SourceObject]:
        for number in range(50):
            taken.append(number)
            yield replace(SOURCE, key=str(number))

    client: Any = SlowFirst()
    answers = invoke_each(client, "function", "bucket", sources(), jobs=4)
    first, answer = next(answers)
    assert (first.key, answer.outcomes[0].key) == ("0", "0")
    assert len(taken) <= 8
    assert [source.key for source, _ in answers] == [str(number) for number in range(1, 50)]
    assert client.most <= 4
