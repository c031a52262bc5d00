import os
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import pytest
from PIL import Image

from imgctl.core.errors import InvalidInput
from imgctl.core.formats import ImageFormat
from imgctl.core.spec import ResizeSpec
from imgctl.operations.input_files import InputFile
from imgctl.operations.resize import BatchOptions, ResizeJob, plan_jobs, resize_files
from tests import costly_pictures
from tests.pictures import decoded, encoded, photo

OPTIONS = BatchOptions(jobs=2)
NOW = datetime(2026, 11, 23, 15, 25, 9, tzinfo=UTC)


@pytest.fixture
def job(tmp_path: Path) -> ResizeJob:
    source = tmp_path / "cake.jpg"
    source.write_bytes(encoded(photo(80, 60), "JPEG"))
    return ResizeJob(source, tmp_path / "out" / "resized-cake.jpg")


def test_a_result_is_the_record_that_the_function_would_store(job: ResizeJob) -> None:
    (result,) = resize_files([job], ResizeSpec(), OPTIONS, clock=lambda: NOW)
    assert not result.failed
    assert result.record.processing_time == "2026-11-23T15:25:09.000Z"
    assert result.record.dimension_reduction == "80x60 → 40x30"
    assert decoded(job.destination.read_bytes()).size == (40, 30)


def test_a_source_is_hashed_only_on_request(job: ResizeJob) -> None:
    (plain,) = resize_files([job], ResizeSpec(), OPTIONS)
    hashing = BatchOptions(jobs=1, overwrite=True, with_hash=True)
    (hashed,) = resize_files([job], ResizeSpec(), hashing)
    assert plain.record.source_sha256 is None
    assert hashed.record.source_sha256 is not None
    assert hashed.record.resource_id == hashed.record.source_sha256[:32]


def test_a_failure_is_one_result_among_others(job: ResizeJob, tmp_path: Path) -> None:
    bad = ResizeJob(tmp_path / "missing.jpg", tmp_path / "out" / "resized-missing.jpg")
    results = {r.job: r for r in resize_files([bad, job], ResizeSpec(), OPTIONS)}
    assert results[bad].record.failure_code == "file"
    assert not results[job].failed
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["resized-cake.jpg"]


def test_an_image_that_exceeds_its_share_of_the_memory_gets_all_of_it(tmp_path: Path) -> None:
    small, large = (ResizeJob(tmp_path / f"{n}.png", tmp_path / f"out-{n}.png") for n in "sl")
    small.source.write_bytes(encoded(photo(80, 60), "PNG"))
    large.source.write_bytes(encoded(Image.new("RGB", (5000, 4000)), "PNG"))  # 185 MiB

    def results(jobs: int, max_memory_mib: int) -> list[tuple[ResizeJob, bool]]:
        options = BatchOptions(
            jobs=jobs, overwrite=True, max_memory_bytes=max_memory_mib * 1024 * 1024
        )
        done = resize_files([large, small], ResizeSpec(), options)
        return [(result.job, result.failed) for result in done]

    assert results(jobs=2, max_memory_mib=500) == [(small, False), (large, False)]
    assert sorted(results(jobs=2, max_memory_mib=256), key=str) == [(large, True), (small, False)]


def test_a_batch_that_is_abandoned_leaves_no_process_and_no_file(
    job: ResizeJob, tmp_path: Path
) -> None:
    endless = ResizeJob(tmp_path / "endless.jpg", tmp_path / "out" / "resized-endless.jpg")
    endless.source.write_bytes(costly_pictures.jpeg_of_many_scans(9_000, 9_000, 400))
    with closing(resize_files([endless, job], ResizeSpec(), OPTIONS)) as results:
        assert next(results).job == job
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["resized-cake.jpg"]
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)  # there is no child of this process


def test_a_picture_that_cannot_be_decoded_is_one_failure_among_others(
    job: ResizeJob, tmp_path: Path
) -> None:
    bad = ResizeJob(tmp_path / "bad.tif", tmp_path / "out" / "resized-bad.tif")
    bad.source.write_bytes(encoded(photo(), "TIFF")[:1000])
    results = {r.job: r for r in resize_files([bad, job], ResizeSpec(), OPTIONS)}
    assert results[bad].record.failure_code == "truncated"
    assert not results[job].failed


def test_results_lie_next_to_their_sources_or_under_a_folder_by_name() -> None:
    files = [InputFile(Path("/x/trip/a.jpg"), PurePosixPath("trip/a.jpg"))]
    (beside,) = plan_jobs(files, prefix="small-")
    assert beside.destination == Path("/x/trip/small-a.jpg")
    (below,) = plan_jobs(files, prefix="small-", folder=Path("out"), converted_to=ImageFormat.WEBP)
    assert below.destination == Path("out/trip/small-a.webp")


def test_two_results_for_one_file_are_refused() -> None:
    files = [InputFile(Path(name), PurePosixPath(name)) for name in ("a.jpg", "a.png")]
    with pytest.raises(InvalidInput, match="would both become"):
        plan_jobs(files, prefix="", converted_to=ImageFormat.WEBP)
