import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from imgctl.core.errors import InvalidInput
from imgctl.core.formats import ImageFormat
from imgctl.core.limits import Limits
from imgctl.core.rendition_tables import parse_renditions
from imgctl.core.renditions import RenditionSet
from imgctl.core.resize import resize_each
from imgctl.core.spec import ResizeSpec
from imgctl.operations.input_files import InputFile
from imgctl.operations.resize import (
    BatchOptions,
    OutputNotWritable,
    ResizeAction,
    preview_files,
    resize_files,
)
from imgctl.operations.resize_plan import EarlierResults, ResizeJob, ResultNames, plan_jobs
from tests import costly_pictures
from tests.pictures import decoded, encoded, photo

OPTIONS = BatchOptions(jobs=2)
NOW = datetime(2026, 11, 23, 15, 25, 9, tzinfo=UTC)


def one(spec: ResizeSpec, prefix: str = "resized-") -> RenditionSet:
    return RenditionSet.unnamed(prefix, spec)


HALF = one(ResizeSpec())
THREE = parse_renditions(
    [
        {"name": "half", "prefix": "resized-", "scale": 0.5},
        {"name": "web", "prefix": "web/", "fit": "24x24", "format": "webp", "quality": 82},
        {"name": "thumb", "prefix": "thumb/t-", "cover": "8x8"},
    ]
)


@pytest.fixture
def job(tmp_path: Path) -> ResizeJob:
    source = tmp_path / "cake.jpg"
    source.write_bytes(encoded(photo(80, 60), "JPEG"))
    return ResizeJob(source, (tmp_path / "out" / "resized-cake.jpg",))


def test_a_result_is_the_record_that_the_function_would_store(job: ResizeJob) -> None:
    (result,) = resize_files([job], HALF, OPTIONS, clock=lambda: NOW)
    assert not result.failed
    assert result.record.processing_time == "2026-11-23T15:25:09.000Z"
    assert result.record.dimension_reduction == "80x60 → 40x30"
    assert decoded(job.destinations[0].read_bytes()).size == (40, 30)


def test_a_source_is_hashed_only_on_request(job: ResizeJob) -> None:
    (plain,) = resize_files([job], HALF, OPTIONS)
    hashing = BatchOptions(jobs=1, overwrite=True, with_hash=True)
    (hashed,) = resize_files([job], HALF, hashing)
    assert plain.record.source_sha256 is None
    assert hashed.record.source_sha256 is not None
    assert hashed.record.resource_id == hashed.record.source_sha256[:32]


def test_a_failure_is_one_result_among_others(job: ResizeJob, tmp_path: Path) -> None:
    bad = ResizeJob(tmp_path / "missing.jpg", (tmp_path / "out" / "resized-missing.jpg",))
    results = {r.job: r for r in resize_files([bad, job], HALF, OPTIONS)}
    assert results[bad].record.failure_code == "file"
    assert not results[job].failed
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["resized-cake.jpg"]


def test_an_image_that_exceeds_its_share_of_the_memory_gets_all_of_it(tmp_path: Path) -> None:
    small, large = (ResizeJob(tmp_path / f"{n}.png", (tmp_path / f"out-{n}.png",)) for n in "sl")
    small.source.write_bytes(encoded(photo(80, 60), "PNG"))
    large.source.write_bytes(encoded(Image.new("RGB", (5000, 4000)), "PNG"))  # 185 MiB

    def results(jobs: int, max_memory_mib: int) -> list[tuple[ResizeJob, bool]]:
        options = BatchOptions(
            jobs=jobs, overwrite=True, max_memory_bytes=max_memory_mib * 1024 * 1024
        )
        done = resize_files([large, small], HALF, options)
        return [(result.job, result.failed) for result in done]

    assert results(jobs=2, max_memory_mib=500) == [(small, False), (large, False)]
    assert sorted(results(jobs=2, max_memory_mib=256), key=str) == [(large, True), (small, False)]


def test_a_result_has_the_permissions_of_its_source(job: ResizeJob) -> None:
    for mode in (0o640, 0o444, 0o600):
        job.source.chmod(mode)
        list(resize_files([job], HALF, BatchOptions(jobs=1, overwrite=True)))
        assert job.destinations[0].stat().st_mode & 0o777 == mode


def test_a_link_in_the_place_of_a_result_is_not_followed(job: ResizeJob, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    job.destinations[0].parent.mkdir()
    job.destinations[0].symlink_to(victim)
    (refused,) = resize_files([job], HALF, OPTIONS)
    assert refused.record.failure_code == "exists"
    (replaced,) = resize_files([job], HALF, BatchOptions(jobs=1, overwrite=True))
    assert not replaced.failed
    assert victim.read_text() == "precious"
    assert not job.destinations[0].is_symlink()


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_file_system_without_unnamed_files_gets_the_same_results(
    job: ResizeJob, monkeypatch: pytest.MonkeyPatch, overwrite: bool
) -> None:
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    (result,) = resize_files([job], HALF, BatchOptions(jobs=1, overwrite=overwrite))
    assert not result.failed
    assert [path.name for path in job.destinations[0].parent.iterdir()] == [
        job.destinations[0].name
    ]
    before = job.destinations[0].read_bytes()
    job.destinations[0].write_bytes(b"another image")
    (again,) = resize_files([job], HALF, BatchOptions(jobs=1, overwrite=overwrite))
    assert again.failed is not overwrite
    assert job.destinations[0].read_bytes() == (before if overwrite else b"another image")


def test_a_command_that_is_killed_while_it_writes_leaves_no_file(job: ResizeJob) -> None:
    program = """
import os, signal, sys
from pathlib import Path
from imgctl.core.renditions import RenditionSet
from imgctl.core.spec import ResizeSpec
from imgctl.operations import resize
os.link = lambda *arguments, **options: os.kill(os.getpid(), signal.SIGKILL)
job = resize.ResizeJob(Path(sys.argv[1]), (Path(sys.argv[2]),))
half = RenditionSet.unnamed("resized-", ResizeSpec())
list(resize.resize_files([job], half, resize.BatchOptions(jobs=1)))
"""
    killed = subprocess.run(
        [sys.executable, "-c", program, str(job.source), str(job.destinations[0])], check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert list(job.destinations[0].parent.iterdir()) == []


def with_marks(monkeypatch: pytest.MonkeyPatch, supported: bool) -> None:
    if not supported:
        monkeypatch.delattr(os, "setxattr")


@pytest.mark.parametrize("marks", [True, False], ids=["marked", "on a system without marks"])
def test_a_result_that_is_there_is_skipped_with_the_same_record(
    job: ResizeJob, monkeypatch: pytest.MonkeyPatch, marks: bool
) -> None:
    with_marks(monkeypatch, marks)
    (first,) = resize_files([job], HALF, OPTIONS, clock=lambda: NOW)
    (second,) = resize_files([job], HALF, OPTIONS, clock=lambda: NOW)
    assert (first.skipped, second.skipped) == (False, True)
    assert first.record == second.record


@pytest.mark.parametrize("marks", [True, False], ids=["marked", "on a system without marks"])
@pytest.mark.parametrize("change", ["source", "settings", "result"])
def test_a_result_of_something_else_is_neither_skipped_nor_replaced(
    job: ResizeJob, monkeypatch: pytest.MonkeyPatch, change: str, marks: bool
) -> None:
    with_marks(monkeypatch, marks)
    list(resize_files([job], HALF, OPTIONS))
    made = HALF
    if change == "source":
        job.source.write_bytes(encoded(photo(80, 60).rotate(180), "JPEG"))
    elif change == "settings":
        made = one(ResizeSpec(quality=40))
    else:
        job.destinations[0].write_bytes(encoded(photo(40, 30), "JPEG"))
    before = job.destinations[0].read_bytes()
    (refused,) = resize_files([job], made, OPTIONS)
    assert refused.record.failure_code == "exists"
    assert job.destinations[0].read_bytes() == before
    (replaced,) = resize_files([job], made, BatchOptions(jobs=1, overwrite=True))
    assert not replaced.failed
    assert not replaced.skipped


@pytest.mark.parametrize(
    "fields", ['{"status": "x", "evil": 1}', '{"notes": ["x"]}', "[]", "null", '"x"']
)
def test_a_mark_that_somebody_else_wrote_is_not_believed(job: ResizeJob, fields: str) -> None:
    list(resize_files([job], HALF, OPTIONS))
    mark = json.loads(os.getxattr(job.destinations[0], "user.imgctl.result"))
    mark["fields"] = json.loads(fields)
    os.setxattr(job.destinations[0], "user.imgctl.result", json.dumps(mark).encode())
    (result,) = resize_files([job], HALF, OPTIONS)
    assert result.skipped  # because its bytes are the same
    assert result.record.dimension_reduction == "80x60 → 40x30"


def children() -> set[str]:
    """Return the processes that this one has started and not reaped."""
    tasks = Path("/proc/self/task").iterdir()
    return {child for task in tasks for child in (task / "children").read_text().split()}


def test_a_batch_that_is_abandoned_leaves_no_process_and_no_file(
    job: ResizeJob, tmp_path: Path
) -> None:
    endless = ResizeJob(tmp_path / "endless.jpg", (tmp_path / "out" / "resized-endless.jpg",))
    endless.source.write_bytes(costly_pictures.jpeg_of_many_scans(9_000, 9_000, 400))
    others = children()
    with closing(resize_files([endless, job], HALF, OPTIONS)) as results:
        assert next(results).job == job
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["resized-cake.jpg"]
    assert children() == others


def test_a_picture_that_cannot_be_decoded_is_one_failure_among_others(
    job: ResizeJob, tmp_path: Path
) -> None:
    bad = ResizeJob(tmp_path / "bad.tif", (tmp_path / "out" / "resized-bad.tif",))
    bad.source.write_bytes(encoded(photo(), "TIFF")[:1000])
    results = {r.job: r for r in resize_files([bad, job], HALF, OPTIONS)}
    assert results[bad].record.failure_code == "truncated"
    assert not results[job].failed


def test_results_lie_next_to_their_sources_or_under_a_folder_by_name() -> None:
    files = [InputFile("/x/trip/day/a.jpg", "day/a.jpg")]
    (beside,) = plan_jobs(files, one(ResizeSpec(), "small-"), suffix="-web")
    assert beside.destinations[0] == Path("/x/trip/day/small-a-web.jpg")
    to_webp = one(ResizeSpec(format=ImageFormat.WEBP), "small-")
    (below,) = plan_jobs(files, to_webp, suffix="-web", folder=Path("out"))
    assert below.destinations[0] == Path("out/day/small-a-web.jpg.webp")


def test_two_results_for_one_file_are_refused() -> None:
    files = [InputFile(name, "a.jpg") for name in ("one/a.jpg", "two/a.jpg")]
    with pytest.raises(InvalidInput, match="would both become"):
        plan_jobs(files, one(ResizeSpec(), ""), folder=Path("out"))


def test_an_extension_is_appended_only_where_the_format_changes(tmp_path: Path) -> None:
    for name, format_ in (("a.jpg", "JPEG"), ("a.png", "PNG"), ("b.png", "JPEG")):
        (tmp_path / name).write_bytes(encoded(photo(), format_))
    names = ("a.jpg", "a.png", "b.png")
    files = [InputFile(str(tmp_path / name), name) for name in names]
    jobs = plan_jobs(files, one(ResizeSpec(format=ImageFormat.JPEG), "small-"))
    results = [job.destinations[0].name for job in jobs]
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
    job.destinations[0].parent.mkdir()
    job.destinations[0].write_text("something else")
    (result,) = resize_files([job], HALF, BatchOptions(jobs=1, skip_existing=True))
    assert result.skipped
    assert not result.failed
    assert job.destinations[0].read_text() == "something else"


def test_a_folder_that_cannot_hold_results_is_one_error_that_names_it(
    job: ResizeJob, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "out"
    with pytest.raises(OutputNotWritable, match=f"{folder}: {tmp_path}/file is not a folder"):
        list(resize_files([ResizeJob(job.source, (folder / "a.jpg",), folder)], HALF, OPTIONS))


def test_a_failure_to_write_names_the_result_and_not_the_source(job: ResizeJob) -> None:
    job.destinations[0].parent.touch()  # a file where its folder should be
    (result,) = resize_files([job], HALF, OPTIONS)
    assert result.record.failure_code == "output"
    assert str(job.destinations[0]) in (result.record.failure_reason or "")
    assert result.record.resized_object_key is None


def test_a_preview_tells_what_a_run_would_do_and_writes_nothing(
    job: ResizeJob, tmp_path: Path
) -> None:
    done, unmarked, missing = (
        ResizeJob(tmp_path / f"{name}.jpg", (tmp_path / f"small-{name}.jpg",)) for name in "dum"
    )
    for source in (done.source, unmarked.source):
        source.write_bytes(encoded(photo(), "JPEG"))
    list(resize_files([done], HALF, OPTIONS))
    unmarked.destinations[0].write_text("unknown")
    before = sorted(tmp_path.rglob("*"))
    jobs = [job, done, unmarked, missing]
    actions = [preview.action for preview in preview_files(jobs, HALF, OPTIONS)]
    kept = ResizeAction.SKIP if hasattr(os, "getxattr") else ResizeAction.COMPARE
    assert actions == [ResizeAction.RESIZE, kept, ResizeAction.COMPARE, ResizeAction.REFUSE]
    assert sorted(tmp_path.rglob("*")) == before


# ------------------------------------------------------------- renditions


@pytest.fixture
def job_of_three(job: ResizeJob, tmp_path: Path) -> ResizeJob:
    files = [InputFile(str(job.source), "day/cake.jpg")]
    (planned,) = plan_jobs(files, THREE, folder=tmp_path / "out")
    return planned


def test_all_renditions_of_a_file_are_written_with_the_bytes_of_the_function(
    job_of_three: ResizeJob, tmp_path: Path
) -> None:
    names = [str(path.relative_to(tmp_path / "out")) for path in job_of_three.destinations]
    assert names == ["day/resized-cake.jpg", "web/day/cake.jpg.webp", "thumb/day/t-cake.jpg"]
    (result,) = resize_files([job_of_three], THREE, OPTIONS)
    with job_of_three.source.open("rb") as source:
        expected = [made.data for made in resize_each(source, THREE.specs, Limits())]
    assert [path.read_bytes() for path in job_of_three.destinations] == expected
    record = result.record
    assert record.dimension_reduction == "80x60 → 40x30"
    assert [
        (one.name, one.key, one.width, one.height, one.format, one.file_bytes, one.quality)
        for one in record.renditions or ()
    ] == [
        ("half", names_of(job_of_three)[0], 40, 30, "JPEG", len(expected[0]), 75),
        ("web", names_of(job_of_three)[1], 24, 18, "WEBP", len(expected[1]), 82),
        ("thumb", names_of(job_of_three)[2], 8, 8, "JPEG", len(expected[2]), 75),
    ]


def names_of(job: ResizeJob) -> list[str]:
    return [str(path) for path in job.destinations]


@pytest.mark.parametrize("marks", [True, False], ids=["marked", "on a system without marks"])
def test_only_renditions_that_are_missing_are_written(
    job_of_three: ResizeJob, monkeypatch: pytest.MonkeyPatch, marks: bool
) -> None:
    with_marks(monkeypatch, marks)
    (first,) = resize_files([job_of_three], THREE, OPTIONS, clock=lambda: NOW)
    kept, removed = job_of_three.destinations[::2], job_of_three.destinations[1]
    removed.unlink()
    before = [path.stat().st_mtime_ns for path in kept]
    (second,) = resize_files([job_of_three], THREE, OPTIONS, clock=lambda: NOW)
    assert not second.skipped
    assert removed.exists()
    assert [path.stat().st_mtime_ns for path in kept] == before
    assert second.record == first.record
    (third,) = resize_files([job_of_three], THREE, OPTIONS, clock=lambda: NOW)
    assert third.skipped
    assert third.record == first.record


def test_nothing_is_written_if_one_rendition_would_replace_something_else(
    job_of_three: ResizeJob,
) -> None:
    other = job_of_three.destinations[2]
    other.parent.mkdir(parents=True)
    other.write_text("something else")
    (refused,) = resize_files([job_of_three], THREE, OPTIONS)
    assert refused.record.failure_code == "exists"
    assert str(other) in (refused.record.failure_reason or "")
    assert [path.exists() for path in job_of_three.destinations] == [False, False, True]


def test_a_preview_names_each_rendition(job_of_three: ResizeJob) -> None:
    list(resize_files([job_of_three], THREE, OPTIONS))
    job_of_three.destinations[0].unlink()
    previews = list(preview_files([job_of_three], THREE, OPTIONS))
    assert tuple(preview.destination for preview in previews) == job_of_three.destinations
    kept = ResizeAction.SKIP if hasattr(os, "getxattr") else ResizeAction.COMPARE
    assert [preview.action for preview in previews] == [ResizeAction.RESIZE, kept, kept]


def test_two_files_whose_renditions_would_meet_are_refused() -> None:
    names = ("web/a.jpg", "resized-a.jpg")
    files = [InputFile(f"in/{name}", name) for name in names]
    tables = [
        {"name": "half", "prefix": "resized-", "scale": 0.5},
        {"name": "web", "prefix": "web/", "scale": 0.5},
    ]
    with pytest.raises(InvalidInput, match=r"would both become out/web/resized-a\.jpg"):
        plan_jobs(files, parse_renditions(tables), folder=Path("out"))


def test_results_beside_their_images_are_recognized_by_name_or_folder(tmp_path: Path) -> None:
    earlier = EarlierResults.of(THREE, HALF, suffix="", folder=None)
    assert earlier.are_named_anew
    assert earlier.is_result("resized-a.jpg")
    assert not earlier.is_result("t-a.jpg")  # it has the name of a result, but lies elsewhere
    assert earlier.is_folder(tmp_path / "trip" / "web")
    assert not earlier.is_folder(tmp_path / "trip" / "website")
    elsewhere = EarlierResults.of(THREE, HALF, suffix="", folder=tmp_path)
    assert elsewhere.is_folder(tmp_path)
    (tmp_path / "web").mkdir()
    assert elsewhere.is_folder(tmp_path / "web")  # of an earlier run beside the images
    star = parse_renditions([{"name": "star", "prefix": "w*/", "scale": 0.5}])
    assert not EarlierResults.of(star, HALF, suffix="", folder=None).is_folder(tmp_path / "web")
    assert not EarlierResults.of(one(ResizeSpec(), ""), HALF, suffix="", folder=None).are_named_anew


def linked(tmp_path: Path) -> list[InputFile]:
    """Return two files in folders whose `web` is a link to one folder."""
    (tmp_path / "shared").mkdir()
    files = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "web").symlink_to(tmp_path / "shared")
        (tmp_path / name / "x.jpg").write_bytes(encoded(photo(), "JPEG"))
        files.append(InputFile(str(tmp_path / name / "x.jpg"), f"{name}/x.jpg"))
    return files


WEB = parse_renditions([{"name": "web", "prefix": "web/", "scale": 0.5}])


def test_two_results_that_a_link_would_bring_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="would both become"):
        plan_jobs(linked(tmp_path), WEB)


def test_no_result_is_written_through_a_link_out_of_the_folder_of_its_image(tmp_path: Path) -> None:
    (job,) = plan_jobs(linked(tmp_path)[:1], WEB)
    (result,) = resize_files([job], WEB, OPTIONS)
    assert result.record.failure_code == "outside"
    assert list((tmp_path / "shared").iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="without marks")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("source_sha256", "x"),
        ("failure_code", "x"),
        ("resized_file_size", "12"),
        ("original_file_size", "12"),
        ("notes", 5),
        ("resized_width", -3),
        ("resized_width", True),
        ("frames", 1.5),
        ("resized_format", ["JPEG"]),
    ],
)
def test_a_mark_that_somebody_has_changed_is_not_believed(
    job: ResizeJob, name: str, value: object
) -> None:
    list(resize_files([job], HALF, OPTIONS))
    mark = json.loads(os.getxattr(job.destinations[0], "user.imgctl.result"))
    mark["fields"][name] = value
    os.setxattr(job.destinations[0], "user.imgctl.result", json.dumps(mark).encode())
    (result,) = resize_files([job], HALF, OPTIONS, clock=lambda: NOW)
    assert result.skipped  # because it is the same when it is made again
    assert result.record.dimension_reduction == "80x60 → 40x30"
    assert result.record.failure_code is None


def test_the_facts_of_the_original_are_known_if_any_result_was_made(
    job_of_three: ResizeJob,
) -> None:
    kept = job_of_three.destinations[0]
    kept.parent.mkdir(parents=True)
    kept.write_text("something else")
    (result,) = resize_files([job_of_three], THREE, BatchOptions(jobs=1, skip_existing=True))
    assert result.record.original_width == 80
    assert result.record.resized_width is None
    assert [one.name for one in result.record.renditions or ()] == ["web", "thumb"]
