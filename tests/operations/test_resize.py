import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import pytest
from PIL import Image

from imgctl.core.errors import InvalidInput
from imgctl.core.formats import ImageFormat
from imgctl.core.spec import ResizeSpec
from imgctl.operations.input_files import InputFile
from imgctl.operations.resize import (
    BatchOptions,
    OutputNotWritable,
    ResizeAction,
    preview_files,
    resize_files,
)
from imgctl.operations.resize_plan import ResizeJob, ResultNames, plan_jobs
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


def test_a_result_has_the_permissions_of_its_source(job: ResizeJob) -> None:
    for mode in (0o640, 0o444, 0o600):
        job.source.chmod(mode)
        list(resize_files([job], ResizeSpec(), BatchOptions(jobs=1, overwrite=True)))
        assert job.destination.stat().st_mode & 0o777 == mode


def test_a_link_in_the_place_of_a_result_is_not_followed(job: ResizeJob, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    job.destination.parent.mkdir()
    job.destination.symlink_to(victim)
    (refused,) = resize_files([job], ResizeSpec(), OPTIONS)
    assert refused.record.failure_code == "exists"
    (replaced,) = resize_files([job], ResizeSpec(), BatchOptions(jobs=1, overwrite=True))
    assert not replaced.failed
    assert victim.read_text() == "precious"
    assert not job.destination.is_symlink()


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_file_system_without_unnamed_files_gets_the_same_results(
    job: ResizeJob, monkeypatch: pytest.MonkeyPatch, overwrite: bool
) -> None:
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    (result,) = resize_files([job], ResizeSpec(), BatchOptions(jobs=1, overwrite=overwrite))
    assert not result.failed
    assert [path.name for path in job.destination.parent.iterdir()] == [job.destination.name]
    before = job.destination.read_bytes()
    job.destination.write_bytes(b"another image")
    (again,) = resize_files([job], ResizeSpec(), BatchOptions(jobs=1, overwrite=overwrite))
    assert again.failed is not overwrite
    assert job.destination.read_bytes() == (before if overwrite else b"another image")


def test_a_command_that_is_killed_while_it_writes_leaves_no_file(job: ResizeJob) -> None:
    program = """
import os, signal, sys
from pathlib import Path
from imgctl.core.spec import ResizeSpec
from imgctl.operations import resize
os.link = lambda *arguments, **options: os.kill(os.getpid(), signal.SIGKILL)
job = resize.ResizeJob(Path(sys.argv[1]), Path(sys.argv[2]))
list(resize.resize_files([job], ResizeSpec(), resize.BatchOptions(jobs=1)))
"""
    killed = subprocess.run(
        [sys.executable, "-c", program, str(job.source), str(job.destination)], check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert list(job.destination.parent.iterdir()) == []


def with_marks(monkeypatch: pytest.MonkeyPatch, supported: bool) -> None:
    if not supported:
        monkeypatch.delattr(os, "setxattr")


@pytest.mark.parametrize("marks", [True, False], ids=["marked", "on a system without marks"])
def test_a_result_that_is_there_is_skipped_with_the_same_record(
    job: ResizeJob, monkeypatch: pytest.MonkeyPatch, marks: bool
) -> None:
    with_marks(monkeypatch, marks)
    (first,) = resize_files([job], ResizeSpec(), OPTIONS, clock=lambda: NOW)
    (second,) = resize_files([job], ResizeSpec(), OPTIONS, clock=lambda: NOW)
    assert (first.skipped, second.skipped) == (False, True)
    assert first.record == second.record


@pytest.mark.parametrize("marks", [True, False], ids=["marked", "on a system without marks"])
@pytest.mark.parametrize("change", ["source", "settings", "result"])
def test_a_result_of_something_else_is_neither_skipped_nor_replaced(
    job: ResizeJob, monkeypatch: pytest.MonkeyPatch, change: str, marks: bool
) -> None:
    with_marks(monkeypatch, marks)
    list(resize_files([job], ResizeSpec(), OPTIONS))
    spec = ResizeSpec()
    if change == "source":
        job.source.write_bytes(encoded(photo(80, 60).rotate(180), "JPEG"))
    elif change == "settings":
        spec = ResizeSpec(quality=40)
    else:
        job.destination.write_bytes(encoded(photo(40, 30), "JPEG"))
    before = job.destination.read_bytes()
    (refused,) = resize_files([job], spec, OPTIONS)
    assert refused.record.failure_code == "exists"
    assert job.destination.read_bytes() == before
    (replaced,) = resize_files([job], spec, BatchOptions(jobs=1, overwrite=True))
    assert not replaced.failed
    assert not replaced.skipped


@pytest.mark.parametrize(
    "fields", ['{"status": "x", "evil": 1}', '{"notes": ["x"]}', "[]", "null", '"x"']
)
def test_a_mark_that_somebody_else_wrote_is_not_believed(job: ResizeJob, fields: str) -> None:
    list(resize_files([job], ResizeSpec(), OPTIONS))
    mark = json.loads(os.getxattr(job.destination, "user.imgctl.result"))
    mark["fields"] = json.loads(fields)
    os.setxattr(job.destination, "user.imgctl.result", json.dumps(mark).encode())
    (result,) = resize_files([job], ResizeSpec(), OPTIONS)
    assert result.skipped  # because its bytes are the same
    assert result.record.dimension_reduction == "80x60 → 40x30"


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
    files = [InputFile(Path("/x/trip/day/a.jpg"), PurePosixPath("day/a.jpg"))]
    names = ResultNames("small-", "-web")
    (beside,) = plan_jobs(files, names)
    assert beside.destination == Path("/x/trip/day/small-a-web.jpg")
    (below,) = plan_jobs(files, names, folder=Path("out"), wanted=ImageFormat.WEBP)
    assert below.destination == Path("out/day/small-a-web.jpg.webp")


def test_two_results_for_one_file_are_refused() -> None:
    files = [InputFile(Path(name), PurePosixPath("a.jpg")) for name in ("one/a.jpg", "two/a.jpg")]
    with pytest.raises(InvalidInput, match="would both become"):
        plan_jobs(files, ResultNames(""), folder=Path("out"))


def test_an_extension_is_appended_only_where_the_format_changes(tmp_path: Path) -> None:
    for name, format_ in (("a.jpg", "JPEG"), ("a.png", "PNG"), ("b.png", "JPEG")):
        (tmp_path / name).write_bytes(encoded(photo(), format_))
    names = ("a.jpg", "a.png", "b.png")
    files = [InputFile(tmp_path / name, PurePosixPath(name)) for name in names]
    jobs = plan_jobs(files, ResultNames("small-"), wanted=ImageFormat.JPEG)
    results = [job.destination.name for job in jobs]
    assert results == ["small-a.jpg", "small-a.png.jpg", "small-b.png"]
    assert all(ResultNames("small-").is_result(name) for name in results)
    assert ResultNames("", "@2x").is_result("a@2x.png.jpg")


@pytest.mark.parametrize(
    ("names", "results"),
    [
        (ResultNames("resized-"), {"resized-a.jpg", "resized-a-small.jpg"}),
        (ResultNames("", "-small"), {"a-small.jpg", "resized-a-small.jpg"}),
        (ResultNames("resized-", "-small"), {"resized-a-small.jpg"}),
        (ResultNames(""), set()),
    ],
)
def test_results_are_recognized_by_their_names(names: ResultNames, results: set[str]) -> None:
    candidates = ["a.jpg", "resized-a.jpg", "a-small.jpg", "resized-a-small.jpg", "small.jpg"]
    assert {name for name in candidates if names.is_result(name)} == results


@pytest.mark.parametrize("part", ["a/b", "/", "a\0"])
def test_a_prefix_or_suffix_leads_into_no_other_folder(part: str) -> None:
    for parts in ((part, ""), ("", part)):
        with pytest.raises(InvalidInput, match="slash"):
            ResultNames(*parts)


def test_an_existing_result_is_skipped_on_request_whatever_it_is(job: ResizeJob) -> None:
    job.destination.parent.mkdir()
    job.destination.write_text("something else")
    (result,) = resize_files([job], ResizeSpec(), BatchOptions(jobs=1, skip_existing=True))
    assert result.skipped
    assert not result.failed
    assert job.destination.read_text() == "something else"


def test_a_folder_that_cannot_hold_results_is_one_error_that_names_it(
    job: ResizeJob, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "out"
    with pytest.raises(OutputNotWritable, match=f"{folder}: {tmp_path}/file is not a folder"):
        list(resize_files([ResizeJob(job.source, folder / "a.jpg", folder)], ResizeSpec(), OPTIONS))


def test_a_failure_to_write_names_the_result_and_not_the_source(job: ResizeJob) -> None:
    job.destination.parent.touch()  # a file where its folder should be
    (result,) = resize_files([job], ResizeSpec(), OPTIONS)
    assert result.record.failure_code == "output"
    assert str(job.destination) in (result.record.failure_reason or "")
    assert result.record.resized_object_key is None


def test_a_preview_tells_what_a_run_would_do_and_writes_nothing(
    job: ResizeJob, tmp_path: Path
) -> None:
    done, unmarked, missing = (
        ResizeJob(tmp_path / f"{name}.jpg", tmp_path / f"small-{name}.jpg") for name in "dum"
    )
    for source in (done.source, unmarked.source):
        source.write_bytes(encoded(photo(), "JPEG"))
    list(resize_files([done], ResizeSpec(), OPTIONS))
    unmarked.destination.write_text("unknown")
    before = sorted(tmp_path.rglob("*"))
    jobs = [job, done, unmarked, missing]
    actions = [preview.action for preview in preview_files(jobs, ResizeSpec(), OPTIONS)]
    kept = ResizeAction.SKIP if hasattr(os, "getxattr") else ResizeAction.COMPARE
    assert actions == [ResizeAction.RESIZE, kept, ResizeAction.COMPARE, ResizeAction.REFUSE]
    assert sorted(tmp_path.rglob("*")) == before
