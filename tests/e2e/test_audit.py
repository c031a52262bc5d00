"""What is missing is named, and sent again."""

import time
import unicodedata

import pytest

from imgctl.aws.stack import load_outputs
from imgctl.core.current_record import current_id
from tests.e2e.conftest import Local
from tests.pictures import encoded, photo


def wait_for_records(local: Local, prefix: str, objects: int) -> None:
    """Wait until every upload's own event is processed, so that none arrives later."""
    deadline_s = time.monotonic() + 60
    while time.monotonic() < deadline_s:
        totals = local.imgctl("audit", "--prefix", prefix, "--json").document["totals"]
        if totals["objects"] == objects and "pending" not in totals:
            return
        time.sleep(0.2)
    raise AssertionError(f"uploads without a record: {totals}")


def test_what_is_missing_is_named_and_reprocess_brings_it_back(shared: Local) -> None:
    aws, outputs = shared.aws, load_outputs(shared.aws, "imgctl")
    source, destination = outputs.source_bucket, outputs.destination_bucket
    for name in ("good", "lost output", "lost record", "replaced output"):
        aws.s3.put_object(Bucket=source, Key=f"audit/{name}.png", Body=encoded(photo(), "PNG"))
    aws.s3.put_object(Bucket=source, Key="audit/bad.png", Body=b"not an image")
    wait_for_records(shared, "audit/", 5)
    first = shared.imgctl("reprocess", "--prefix", "audit/", "--json")
    assert first.code == 1  # one is no picture
    assert first.document["totals"] == {"succeeded": 4, "failed": 1}

    aws.s3.delete_object(Bucket=destination, Key="audit/resized-lost output.png")
    aws.s3.put_object(
        Bucket=destination,
        Key="audit/resized-replaced output.png",
        Metadata={"record_id": "of another upload"},
    )
    head = {"resource-id": {"S": current_id(source, "audit/lost record.png")}}
    record_id = aws.dynamodb.get_item(TableName=outputs.table, Key=head)["Item"]["CurrentRecord"]
    for key in (head, {"resource-id": record_id}):
        aws.dynamodb.delete_item(TableName=outputs.table, Key=key)

    audited = shared.imgctl("audit", "--prefix", "audit/", "--json")
    assert audited.code == 1
    assert {one["key"]: one["problem"] for one in audited.document["findings"]} == {
        "audit/bad.png": "failed",
        "audit/lost output.png": "output_gone",
        "audit/lost record.png": "pending",  # it is young
        "audit/replaced output.png": "output_stale",
    }
    assert "not_an_image" in shared.imgctl("audit", "--prefix", "audit/").out

    again = shared.imgctl("reprocess", "--missing", "--prefix", "audit/", "--json")
    assert [one["key"] for one in again.succeeded().document["objects"]] == [
        "audit/lost output.png",
        "audit/lost record.png",
        "audit/replaced output.png",
    ]
    aws.s3.put_object(Bucket=source, Key="audit/bad.png", Body=encoded(photo(), "PNG"))
    shared.imgctl("reprocess", "--failed", "--missing", "--prefix", "audit/").succeeded()
    clean = shared.imgctl("audit", "--prefix", "audit/", "--json").succeeded().document
    assert clean == {"schema": 1, "findings": [], "totals": {"objects": 5}}

    aws.s3.delete_object(Bucket=source, Key="audit/good.png")
    (orphan,) = shared.imgctl("audit", "--prefix", "audit/", "--json").document["findings"]
    assert (orphan["key"], orphan["problem"]) == ("audit/good.png", "object_gone")


def test_what_may_stay_as_it_is_can_be_acknowledged(shared: Local) -> None:
    aws, outputs = shared.aws, load_outputs(shared.aws, "imgctl")
    for name in ("päper.pdf", "gone.png"):
        data = b"%PDF-1.7" if name == "päper.pdf" else encoded(photo(), "PNG")
        aws.s3.put_object(Bucket=outputs.source_bucket, Key=f"known/{name}", Body=data)
    wait_for_records(shared, "known/", 2)
    aws.s3.delete_object(Bucket=outputs.source_bucket, Key="known/gone.png")

    found = shared.imgctl("audit", "--prefix", "known/")
    assert found.code == 1
    assert "Run `imgctl --local audit --acknowledge KEY` to accept a failure." in found.err
    keys = ("known/päper.pdf", "known/gone.png")
    options = [
        word for key in keys for word in ("--acknowledge", unicodedata.normalize("NFD", key))
    ]
    done = shared.imgctl("audit", *options, "--json").succeeded().document
    assert done["acknowledged"] == list(keys)
    silent = shared.imgctl("audit", "--prefix", "known/").succeeded()
    assert (silent.out, silent.err) == ("", "1 object, 2 acknowledged: nothing missing\n")
    listed = shared.imgctl("audit", "--prefix", "known/", "--json").succeeded().document
    assert all(finding["acknowledged"] for finding in listed["findings"])

    again = shared.imgctl("reprocess", "--failed", "--prefix", "known/", "--json").succeeded()
    assert again.document["objects"] == []
    assert shared.imgctl("reprocess", "known/päper.pdf").code == 1  # it fails as before
    shared.imgctl("audit", "--prefix", "known/").succeeded()

    aws.s3.put_object(Bucket=outputs.source_bucket, Key="known/päper.pdf", Body=b"%PDF-2.0")
    wait_for_records(shared, "known/", 1)
    assert shared.imgctl("audit", "--prefix", "known/").code == 1  # another upload failed


@pytest.mark.parametrize("key", ["not there.png", "fine.png"])
def test_only_a_failure_can_be_acknowledged(shared: Local, key: str) -> None:
    aws, outputs = shared.aws, load_outputs(shared.aws, "imgctl")
    aws.s3.put_object(Bucket=outputs.source_bucket, Key="fine.png", Body=encoded(photo(), "PNG"))
    wait_for_records(shared, "fine.png", 1)
    done = shared.imgctl("audit", "--acknowledge", key)
    assert done.code == 1
    assert f"The newest upload of {key} has no failure to acknowledge." in done.err


def test_reprocessing_resumes_after_a_key(shared: Local) -> None:
    aws, outputs = shared.aws, load_outputs(shared.aws, "imgctl")
    for number in range(4):
        data = encoded(photo(), "PNG")
        aws.s3.put_object(Bucket=outputs.source_bucket, Key=f"go on/{number}.png", Body=data)
    done = shared.imgctl("reprocess", "--prefix", "go on/", "--after", "go on/1.png", "--json")
    document = done.succeeded().document
    assert [one["key"] for one in document["objects"]] == ["go on/2.png", "go on/3.png"]
    assert document["cursor"] == "go on/3.png"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "Specify a KEY"),
        (("a.png", "--failed"), 2, "Use either KEY arguments"),
        (("not there.png",), 1, "No object not there.png"),
        (("--prefix", "", "--batch"), 1, "no S3 Batch Operations"),
    ],
)
def test_reprocess_says_what_is_wrong(
    shared: Local, arguments: tuple[str, ...], code: int, said: str
) -> None:
    done = shared.imgctl("reprocess", *arguments)
    assert done.code == code
    assert said in done.err


def test_an_upload_over_which_a_newer_one_came_is_superseded(shared: Local) -> None:
    aws, outputs = shared.aws, load_outputs(shared.aws, "imgctl")
    for width in (40, 80):
        data = encoded(photo(width, 30), "PNG")
        aws.s3.put_object(Bucket=outputs.source_bucket, Key="twice.png", Body=data)
        shared.imgctl("reprocess", "twice.png").succeeded()
    done = shared.imgctl("history", "--key", "twice.png", "--json").document["records"]
    assert [record["Status"] for record in done] == ["SUCCEEDED", "SUPERSEDED"]
    assert done[1]["SupersededBy"] == done[0]["resource-id"]
    superseded = shared.imgctl("history", "--status", "superseded", "--key", "twice.png", "--json")
    assert len(superseded.document["records"]) == 1


def test_where_there_is_no_object_nothing_is_missing(shared: Local) -> None:
    audited = shared.imgctl("audit", "--prefix", "nothing/", "--json").succeeded()
    assert (audited.document["findings"], audited.document["totals"]) == ([], {"objects": 0})
