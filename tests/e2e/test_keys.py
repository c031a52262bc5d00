"""Every key that S3 takes, and objects on both sides of where the SDK begins to send parts."""

from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from imgctl.aws import records
from imgctl.aws.stack import load_outputs
from imgctl.core.keys import output_key
from imgctl.core.limits import MEBIBYTE
from imgctl.core.record import Status
from tests.e2e.conftest import Local
from tests.pictures import decoded, encoded, photo

KEYS = [
    "with spaces in it.png",
    "a+b+c.png",
    "100%.png",
    "100%25 of+it%2F.png",
    "Käse/日本/Ελλάδα.png",
    "🍰🎂.png",
    "e\u0301 decomposed.png",
    ".hidden",
    "..dots/...png",
    "/leading/slash.png",
    "//two/slashes.png",
    "a//b///c.png",
    "trailing space .png ",
    "quotes\"'`<&>;=@$?#[]{}|\\^~!*().png",
    "no extension",
    "long/" + "x" * (1024 - 9) + ".png",
    "é" * 510 + ".png",
]


def test_every_key_that_s3_takes_is_processed(shared: Local) -> None:
    aws, outputs = shared.aws, load_outputs(shared.aws, "imgctl")
    data = encoded(photo(40, 30), "PNG")
    assert all(len(key.encode()) <= 1024 for key in KEYS)
    assert max(len(key.encode()) for key in KEYS) == 1024
    for key in KEYS:
        aws.s3.put_object(Bucket=outputs.source_bucket, Key=key, Body=data)
    done = shared.imgctl("reprocess", *KEYS, "--json").succeeded().document  # waits for each
    assert [(one["key"], one["outcome"]) for one in done["objects"]] == [
        (key, "succeeded") for key in KEYS
    ]
    for key in KEYS:
        result = aws.s3.get_object(
            Bucket=outputs.destination_bucket, Key=output_key(key, "resized-")
        )
        assert decoded(result["Body"].read()).size == (20, 15), key
        (record,) = records.of_key(aws.dynamodb, outputs.table, key)
        assert (record.original_object_key, record.status) == (key, Status.SUCCEEDED)


CONTROL = [
    "\x01.png",
    "a\x1b[2J.png",
    "b\rc.png",
    "d\ne.png",
    "f\t.png",
    "\ufffe.png",
    "\x7f\x85.png",
]


def test_keys_with_control_characters_do_not_stop_audit_or_destroy(empty: Local) -> None:
    empty.imgctl("deploy", "--yes").succeeded()
    aws, outputs = empty.aws, load_outputs(empty.aws, "imgctl")
    data = encoded(photo(40, 30), "PNG")
    for key in CONTROL:
        aws.s3.put_object(Bucket=outputs.source_bucket, Key=key, Body=data)
    done = empty.imgctl("reprocess", *CONTROL, "--json").succeeded().document
    assert {one["outcome"] for one in done["objects"]} == {"succeeded"}
    audited = empty.imgctl("audit", "--json").succeeded().document
    assert audited["totals"] == {"objects": len(CONTROL)}
    for key in CONTROL:
        aws.s3.delete_object(Bucket=outputs.destination_bucket, Key=output_key(key, "resized-"))
    found = empty.imgctl("audit")
    assert found.code == 1
    assert not {"\x01", "\x1b", "\r", "\x7f", "\x85"} & set(found.out)
    mended = empty.imgctl("reprocess", "--missing", "--json").succeeded().document
    assert {one["key"] for one in mended["objects"]} == set(CONTROL)
    with pytest.raises(ClientError):  # the response is XML, but the upload has begun
        aws.s3.create_multipart_upload(Bucket=outputs.source_bucket, Key=CONTROL[0])
    empty.imgctl("destroy", "--delete-data", "--yes").succeeded()
    assert empty.all_that_is_there() == {"buckets": [], "tables": [], "functions": [], "apis": []}


@pytest.mark.parametrize("size", [8 * MEBIBYTE - 1, 8 * MEBIBYTE, 8 * MEBIBYTE + 1])
def test_an_object_is_processed_on_both_sides_of_where_parts_begin(
    shared: Local, tmp_path: Path, size: int
) -> None:
    aws, outputs = shared.aws, load_outputs(shared.aws, "imgctl")
    data = encoded(photo(64, 48), "JPEG")
    path = tmp_path / f"{size}.jpg"
    path.write_bytes(data + b"\0" * (size - len(data)))  # decoders stop at the end of the picture
    aws.s3.upload_file(str(path), outputs.source_bucket, path.name)
    etag = aws.s3.head_object(Bucket=outputs.source_bucket, Key=path.name)["ETag"]
    assert ("-" in etag) == (size >= 8 * MEBIBYTE)
    shared.imgctl("reprocess", path.name).succeeded()
    result = aws.s3.get_object(Bucket=outputs.destination_bucket, Key=f"resized-{path.name}")
    assert decoded(result["Body"].read()).size == (32, 24)
    (record,) = records.of_key(aws.dynamodb, outputs.table, path.name)
    assert (record.status, record.original_file_size) == (Status.SUCCEEDED, size)
