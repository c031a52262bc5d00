from pathlib import Path

from imgctl.aws.stack import load_outputs
from tests.e2e.conftest import Local
from tests.e2e.test_policies import NOT_RECORDED, Person
from tests.infra import iam_coverage
from tests.pictures import encoded, photo


def test_somebody_who_may_only_erase_erases_one_image(shared: Local, album: Path) -> None:
    kept, erased = album / "kept.png", album / "er+ased ü.png"
    for path in (kept, erased):
        path.write_bytes(encoded(photo(), "PNG"))
        shared.imgctl("upload", str(path), "--wait").succeeded()
    aws = shared.aws
    outputs = load_outputs(aws, "imgctl")
    aws.s3.delete_object(Bucket=outputs.source_bucket, Key=erased.name)
    aws.s3.create_multipart_upload(Bucket=outputs.source_bucket, Key=erased.name)
    letter = '{"Records": [{"s3": {"object": {"key": "er%2Based+%C3%BC.png"}}}]}'
    sent = aws.sqs.send_message(QueueUrl=outputs.dead_letter_queue, MessageBody=letter)
    assert sent["MessageId"]
    eraser = Person(shared, "eraser")

    planned = eraser.imgctl("erase", erased.name, "--dry-run", "--json").succeeded().document
    (key,) = planned["keys"]
    assert [found["kind"] for found in key["objects"]] == [
        "delete_marker", "version", "version", "unfinished_upload",
    ]  # fmt: skip
    assert (len(key["records"]), planned["dead_letters"]) == (1, 1)
    unanswered = eraser.imgctl("erase", erased.name)
    assert (unanswered.code, "--yes" in unanswered.err) == (2, True)
    declined = eraser.imgctl("erase", erased.name, answers="yes\n")
    assert (declined.code, "Nothing was changed" in declined.err) == (1, True)

    done = eraser.imgctl("erase", erased.name, answers=f"{erased.name}\n").succeeded()
    assert f"resized-{erased.name}\t1 version" in done.out
    assert "30 days" in done.err
    assert "1 event in the dead-letter queue" in done.err
    assert shared.imgctl("history", "--key", erased.name).out == ""
    again = eraser.imgctl("erase", erased.name, "--yes", "--json").succeeded().document
    assert (again["keys"], again["complete"]) == ([], True)
    shared.imgctl("show", kept.name).succeeded()
    assert aws.s3.head_object(Bucket=outputs.destination_bucket, Key=f"resized-{kept.name}")

    # A HeadObject that names a version asks for s3:GetObjectVersion alone, which is not recorded.
    rights = eraser.rights - {"s3:GetObject", "s3:ListBucket"}
    assert rights == iam_coverage.granted("eraser") - set(NOT_RECORDED)
    for forbidden in (("upload", str(kept), "--force"), ("destroy", "--delete-data", "--yes")):
        assert eraser.imgctl(*forbidden).code != 0, forbidden
    aws.sqs.purge_queue(QueueUrl=outputs.dead_letter_queue)
