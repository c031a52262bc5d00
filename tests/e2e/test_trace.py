from pathlib import Path

from imgctl.aws.stack import load_outputs
from tests.e2e.conftest import Local
from tests.pictures import encoded, photo


def test_a_picture_is_traced_from_its_upload_to_its_record(shared: Local, album: Path) -> None:
    path = album / "tr+ace #1 ü.png"
    path.write_bytes(encoded(photo(), "PNG"))
    shared.imgctl("upload", str(path)).succeeded()
    document = shared.imgctl("trace", path.name, "--json").succeeded().document
    assert document["record"]["OriginalObjectKey"] == path.name
    (invocation,) = document["invocations"]
    assert invocation["request_id"] == document["record"]["RequestId"]
    assert invocation["duration_ms"] > 0
    assert invocation["memory_mb"] == 1769
    assert [line for line in invocation["lines"] if '"outcome": "SUCCEEDED"' in line]
    steps = [entry["step"] for entry in document["timeline"]]
    assert steps[:2] == ["upload", "event"]
    assert set(steps) == {"upload", "event", "invocation", "log", "output", "record", "report"}
    shown = shared.imgctl("trace", path.name).succeeded()
    assert f"resized-{path.name}, 32x24" in shown.out


def test_a_file_that_is_no_picture_is_traced_to_its_failure(shared: Local) -> None:
    aws = shared.aws
    outputs = load_outputs(aws, "imgctl")
    aws.s3.put_object(Bucket=outputs.source_bucket, Key="trace.txt", Body=b"no picture")
    shared.imgctl("reprocess", "trace.txt")
    shown = shared.imgctl("trace", "trace.txt").succeeded()
    assert "not_an_image" in shown.out
    assert "dead letter" not in shown.out
    assert shared.imgctl("trace", "no-such.png").code == 1
