import io
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from imgctl.aws.audit import AuditContext
from imgctl.aws.findings import OutputSettings, Problem
from imgctl.aws.session import Aws
from imgctl.operations.audit import audit, audit_context
from imgctl.operations.reprocess import (
    BatchUnavailable,
    ObjectNotFound,
    Selection,
    named_objects,
    prepared_job,
    reprocess,
    selected_objects,
)
from tests.stack_outputs import OUTPUTS

SOURCE = OUTPUTS.source_bucket


@pytest.fixture
def context(aws: Aws, table: str) -> Iterator[AuditContext]:
    for bucket in (SOURCE, OUTPUTS.destination_bucket):
        aws.s3.create_bucket(
            Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"}
        )
    for key in ("a.png", "b.png", "trip/c.png"):
        aws.s3.put_object(Bucket=SOURCE, Key=key, Body=b"x")
    settings = OutputSettings.of({"SCALE": "0.5", "OUTPUT_PREFIX": "resized-"})
    outputs = replace(OUTPUTS, table=table)
    with audit_context(aws.s3, aws.dynamodb, outputs, settings) as context:
        yield context


class FakeLambda:
    """Answers as the function would: `b.png` fails."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    def invoke(self, **request: Any) -> Any:
        key = json.loads(request["Payload"])["Records"][0]["s3"]["object"]["key"]
        self.keys.append(key)
        failed = {"code": "damaged", "reason": "No data."} if key == "b.png" else {}
        outcome = {"key": key, "status": "FAILED" if failed else "SUCCEEDED", **failed}
        return {"Payload": io.BytesIO(json.dumps({"outcomes": [outcome]}).encode())}


def keys(context: AuditContext, selection: Selection) -> list[str]:
    return [source.key for source in selected_objects(context, selection)]


def test_objects_are_selected_by_prefix_problem_and_position(context: AuditContext) -> None:
    assert keys(context, Selection()) == ["a.png", "b.png", "trip/c.png"]
    assert keys(context, Selection(prefix="trip/")) == ["trip/c.png"]
    assert keys(context, Selection(after="a.png")) == ["b.png", "trip/c.png"]
    assert keys(context, Selection(missing=True)) == ["a.png", "b.png", "trip/c.png"]
    assert keys(context, Selection(failed=True)) == []


def test_an_audit_reports_each_problem_with_its_page(context: AuditContext) -> None:
    (page,) = audit(context, prefix="trip/")
    assert page.checked == 1
    assert [(f.source.key, f.problem) for f in page.problems] == [
        ("trip/c.png", Problem.NEVER_PROCESSED)
    ]


def test_named_objects_are_looked_up_once_each(context: AuditContext) -> None:
    named = named_objects(context, ["b.png", "a.png", "b.png"])
    assert [source.key for source in named] == ["b.png", "a.png"]
    context.s3.put_object(Bucket=SOURCE, Key="k\u00e4se.png", Body=b"x")
    (composed,) = named_objects(context, ["ka\u0308se.png"])  # typed decomposed
    assert composed.key == "k\u00e4se.png"
    with pytest.raises(ObjectNotFound, match=r"No object x\.png") as missing:
        named_objects(context, ["a.png", "x.png"])
    assert (
        missing.value.hint_for("imgctl --local") == "Upload it with `imgctl --local upload FILE`."
    )


def test_each_object_is_sent_and_its_result_returned_in_order(context: AuditContext) -> None:
    client: Any = FakeLambda()
    sources = selected_objects(context, Selection())
    results = list(reprocess(client, context.outputs, sources, jobs=2))
    assert [(r.key, r.status, r.failed) for r in results] == [
        ("a.png", "succeeded", False),
        ("b.png", "failed", True),
        ("trip/c.png", "succeeded", False),
    ]
    assert results[1].reason == "damaged: No data."


def test_a_reader_that_stops_leaves_out_what_has_not_started(context: AuditContext) -> None:
    client: Any = FakeLambda()
    sources = (source for _ in range(100) for source in selected_objects(context, Selection()))
    results = reprocess(client, context.outputs, sources, jobs=1)
    assert next(results).key == "a.png"
    results.close()
    assert len(client.keys) < 10


def test_a_batch_job_is_prepared_without_calling_aws(aws: Aws, context: AuditContext) -> None:
    sources = selected_objects(context, Selection())
    with prepared_job(aws, context.outputs, sources) as prepared:
        assert prepared.objects == 3
        assert prepared.manifest.read_text().splitlines()[0] == f"{SOURCE},a.png,null"
    assert not prepared.manifest.exists()


def test_the_embedded_aws_has_no_batch_jobs(aws: Aws, context: AuditContext) -> None:
    local = replace(aws, endpoint_url="http://127.0.0.1:1")
    with (
        pytest.raises(BatchUnavailable) as refused,
        prepared_job(local, context.outputs, iter(())),
    ):
        pass
    assert "--batch" in refused.value.hint
