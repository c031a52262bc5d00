"""Many files on each of the two ways, some bad and some there already: every row is true."""

from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.conftest import Local
from tests.pictures import encoded, photo

FILES = 60
BAD = range(10, 20)
THERE = range(30, 35)


@pytest.mark.parametrize("via", ["s3", "api"])
def test_totals_rows_records_and_json_agree(shared: Local, album: Path, via: str) -> None:
    folder = album / "many"
    folder.mkdir()
    good = [encoded(photo(40 + 2 * n, 30), "PNG") for n in range(8)]
    for number in range(FILES):
        data = good[number % len(good)] + number.to_bytes(2)  # each its own content
        cut = encoded(photo(200, 200), "JPEG")[: 500 + number]
        (folder / f"{number:03}.png").write_bytes(cut if number in BAD else data)
    options = ("--via", via, "--prefix", f"many/{via}", "--json")
    there = [str(folder / f"{number:03}.png") for number in THERE]
    shared.imgctl("upload", *there, *options).succeeded()

    done = shared.imgctl("upload", str(folder), *options)
    assert done.code == 1
    document = done.document
    assert document["totals"] == {
        "uploaded": FILES - len(BAD) - len(THERE),
        "skipped": len(THERE),
        "failed": len(BAD),
        "timed_out": 0,
    }
    files = document["files"]
    assert [file["key"] for file in files] == [f"many/{via}/{n:03}.png" for n in range(FILES)]
    for number, file in enumerate(files):
        outcome = "failed" if number in BAD else "skipped" if number in THERE else "uploaded"
        assert file["outcome"] == outcome
        record = file["record"]
        assert record["OriginalObjectKey"] == file["key"]
        assert record["VersionId"] == file["version_id"]
        assert record["Status"] == ("FAILED" if number in BAD else "SUCCEEDED")
        if number not in BAD:
            assert record["OriginalWidth"] == 40 + 2 * (number % len(good))
    again = shared.imgctl("upload", str(folder), *options[:-1])
    words = Counter(line.split("\t")[0] for line in again.out.splitlines())
    assert words == {"skipped": FILES - len(BAD), "failed": len(BAD)}
