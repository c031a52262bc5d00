import os
import signal
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import costly_pictures
from tests.cli_result import CliResult
from tests.core.png_files import chunk
from tests.pictures import PHOTOS, decoded, encoded, photo

Imgctl = Callable[..., CliResult]


@pytest.fixture
def cake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "cake.jpg"
    path.write_bytes(encoded(photo(81, 60), "JPEG"))
    return path


def size(path: Path) -> tuple[int, int]:
    return decoded(path.read_bytes()).size


def test_an_image_is_halved_into_a_file_next_to_it(imgctl: Imgctl, cake: Path) -> None:
    before = cake.read_bytes()
    done = imgctl("resize", "cake.jpg")
    assert done.code == 0
    assert done.out == "resized\tresized-cake.jpg\t81x60 → 41x30\n"
    assert size(cake.with_name("resized-cake.jpg")) == (41, 30)
    assert cake.read_bytes() == before


def test_json_contains_the_record_that_the_function_stores(imgctl: Imgctl, cake: Path) -> None:
    document = imgctl("resize", "cake.jpg", "--json").document
    (record,) = document["records"]
    assert document["totals"] == {"resized": 1, "skipped": 0, "failed": 0}
    assert record["OriginalWidth"] == 81
    assert record["DimensionReduction"] == "81x60 → 41x30"
    assert record["ResizedObjectKey"] == "resized-cake.jpg"
    assert record["ResizedFileSize"] == cake.with_name("resized-cake.jpg").stat().st_size


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--scale", "0.25"], (20, 15)),
        (["--width", "40"], (40, 30)),
        (["--height", "15"], (20, 15)),
        (["--fit", "30x100"], (30, 22)),
        (["--width", "4000"], (81, 60)),
        (["--cover", "20x20"], (20, 20)),
        (["--cover", "90x90", "--gravity", "north"], (60, 60)),
    ],
)
def test_the_size_is_the_requested_one(
    imgctl: Imgctl, cake: Path, options: list[str], expected: tuple[int, int]
) -> None:
    assert imgctl("resize", "cake.jpg", *options).code == 0
    assert size(cake.with_name("resized-cake.jpg")) == expected


@pytest.mark.parametrize(
    "options",
    [
        ["--scale", "2"],
        ["--scale", "x"],
        ["--fit", "big"],
        ["--fit", "0x5"],
        ["--scale", "0.5", "--width", "5"],
    ],
)
@pytest.mark.usefixtures("cake")
def test_an_impossible_size_is_a_usage_error(imgctl: Imgctl, options: list[str]) -> None:
    assert imgctl("resize", "cake.jpg", *options).code == 2


def test_the_extension_of_a_changed_format_is_appended(imgctl: Imgctl, cake: Path) -> None:
    assert imgctl("resize", "cake.jpg", "--format", "webp").code == 0
    assert decoded(cake.with_name("resized-cake.jpg.webp").read_bytes()).format == "WEBP"


def test_a_heic_becomes_a_jpeg_with_a_name_of_its_own(imgctl: Imgctl, cake: Path) -> None:
    cake.with_name("cake.heic").write_bytes(encoded(photo(), "HEIC"))
    assert imgctl("resize", ".").code == 0
    results = {path.name for path in cake.parent.glob("resized-*")}
    assert results == {"resized-cake.jpg", "resized-cake.heic.jpg"}
    assert decoded(cake.with_name("resized-cake.heic.jpg").read_bytes()).format == "JPEG"
    assert imgctl("resize", "cake.heic", "--format", "png").code == 0
    assert decoded(cake.with_name("resized-cake.heic.png").read_bytes()).format == "PNG"
    again = imgctl("resize", ".", "--json").document
    assert {Path(path).name for path in again["skipped"]} == {"cake.heic", "cake.jpg"}


def test_an_existing_result_is_replaced_only_with_overwrite(imgctl: Imgctl, cake: Path) -> None:
    result = cake.with_name("resized-cake.jpg")
    result.write_text("mine")
    done = imgctl("resize", "cake.jpg")
    assert done.code == 1
    assert "--overwrite" in done.out
    assert result.read_text() == "mine"
    assert imgctl("resize", "cake.jpg", "--overwrite").code == 0
    assert size(result) == (41, 30)


def test_an_input_is_never_replaced(imgctl: Imgctl, cake: Path) -> None:
    other = cake.with_name("resized-cake.jpg")
    other.write_bytes(encoded(photo(20, 20), "JPEG"))
    before = other.read_bytes()
    done = imgctl("resize", "cake.jpg", "resized-cake.jpg", "--overwrite")
    assert done.code == 1
    assert "is also an input file" in done.out
    assert other.read_bytes() == before


def test_a_failure_does_not_stop_the_others(imgctl: Imgctl, cake: Path) -> None:
    cake.with_name("bad.jpg").write_text("not a picture")
    done = imgctl("resize", "bad.jpg", "cake.jpg")
    assert done.code == 1
    assert "Unrecognized image format" in done.out
    assert "1 resized, 1 failed" in done.err
    assert cake.with_name("resized-cake.jpg").exists()
    assert not cake.with_name("resized-bad.jpg").exists()


def test_subfolders_are_kept_under_the_output_folder(imgctl: Imgctl, cake: Path) -> None:
    deep = cake.parent / "trip" / "day"
    deep.mkdir(parents=True)
    (deep / "a.png").write_bytes(encoded(photo(), "PNG"))
    assert imgctl("resize", "trip", "--recursive", "-o", "small").code == 0
    assert (cake.parent / "small" / "day" / "resized-a.png").exists()


def test_no_temporary_files_are_left(imgctl: Imgctl, cake: Path) -> None:
    imgctl("resize", "cake.jpg", "-o", "out")
    assert [path.name for path in (cake.parent / "out").iterdir()] == ["resized-cake.jpg"]


def test_results_have_the_usual_permissions(imgctl: Imgctl, cake: Path) -> None:
    imgctl("resize", "cake.jpg")
    usual = cake.with_name("usual")
    usual.touch()
    assert cake.with_name("resized-cake.jpg").stat().st_mode == usual.stat().st_mode


def test_the_same_input_produces_the_same_bytes(imgctl: Imgctl, cake: Path) -> None:
    photo_path = cake.with_name("rocket.jpg")
    photo_path.write_bytes((PHOTOS / "rocket.jpg").read_bytes())
    for folder in ("one", "two"):
        imgctl("resize", "rocket.jpg", "-o", folder)
    one, two = (cake.parent / folder / "resized-rocket.jpg" for folder in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


def test_two_inputs_for_one_result_are_refused_before_anything_is_written(
    imgctl: Imgctl, cake: Path
) -> None:
    other = cake.parent / "other"
    other.mkdir()
    (other / "cake.jpg").write_bytes(cake.read_bytes())
    done = imgctl("resize", "cake.jpg", "other/cake.jpg", "-o", "out")
    assert done.code == 2
    assert "would both become" in done.err
    assert not list(cake.parent.rglob("resized-*"))


def test_results_stay_inside_the_chosen_folder(
    imgctl: Imgctl, cake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = cake.parent / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    assert imgctl("resize", "..", "-o", "out").code == 0
    (result,) = cake.parent.rglob("resized-cake.jpg")
    assert result.is_relative_to(below / "out")


def test_a_file_that_cannot_be_read_is_one_failure_among_others(imgctl: Imgctl, cake: Path) -> None:
    cake.with_name("nothing.jpg").symlink_to("nowhere")
    done = imgctl("resize", "nothing.jpg", "cake.jpg")
    assert done.code == 1
    assert "No such file" in done.out
    assert cake.with_name("resized-cake.jpg").exists()


@pytest.mark.parametrize(
    ("scale", "expected"), [("25%", (20, 15)), ("12.5 %", (10, 8)), ("1/3", (27, 20))]
)
def test_a_scale_may_be_a_percentage_or_a_fraction(
    imgctl: Imgctl, cake: Path, scale: str, expected: tuple[int, int]
) -> None:
    assert imgctl("resize", "cake.jpg", "--scale", scale).code == 0
    assert size(cake.with_name("resized-cake.jpg")) == expected


@pytest.mark.parametrize("scale", ["0%", "101%", "half", "1/0", "NaN%", "%"])
def test_a_scale_that_is_none_is_a_usage_error(imgctl: Imgctl, cake: Path, scale: str) -> None:  # noqa: ARG001
    done = imgctl("resize", "cake.jpg", "--scale", scale)
    assert done.code == 2
    assert "use a number above 0 and at most 1, such as 0.5 or 50%" in done.err


@pytest.mark.parametrize(("name", "result"), [("jpg", "cake.jpg"), ("TIF", "cake.jpg.tiff")])
def test_formats_have_their_usual_short_names(
    imgctl: Imgctl, cake: Path, name: str, result: str
) -> None:
    assert imgctl("resize", "cake.jpg", "--format", name, "-o", "out").code == 0
    assert size(cake.parent / "out" / f"resized-{result}") == (41, 30)


def test_what_is_left_out_of_a_folder_is_named(imgctl: Imgctl, cake: Path) -> None:
    for number in range(8):
        cake.with_name(f"{number}.pdf").write_bytes(b"%PDF-1.7")
    done = imgctl("resize", ".", "-o", "out")
    assert done.code == 0
    assert done.err.splitlines()[:6] == [
        f"Left out {number}.pdf: The file is in PDF format, which is not supported."
        for number in range(5)
    ] + ["Left out 4 more; --verbose lists them all."]
    assert done.err.splitlines()[-1].startswith("1 resized, 0 failed")
    assert "7.pdf" in imgctl("resize", ".", "-o", "all", "--verbose").err
    left_out = imgctl("resize", ".", "-o", "json", "--json").document["left_out"]
    assert [item["path"] for item in left_out][:2] == ["0.pdf", "1.pdf"]


def test_a_folder_that_cannot_be_read_makes_the_command_fail(
    imgctl: Imgctl, cake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def refuse(folder: Path) -> Any:
        if folder.name == "sub":
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    cake.with_name("sub").mkdir()
    monkeypatch.setattr(os, "scandir", refuse)
    done = imgctl("resize", ".", "--recursive", "--quiet")
    assert done.code == 1
    assert done.err == "Could not read sub: Permission denied.\n"
    assert size(cake.with_name("resized-cake.jpg")) == (41, 30)


def test_max_memory_takes_a_size_with_a_unit(imgctl: Imgctl, cake: Path) -> None:
    assert imgctl("resize", "cake.jpg", "--max-memory", "0.5GiB").code == 0
    assert size(cake.with_name("resized-cake.jpg")) == (41, 30)
    for value, problem in {"512": "a form such as 512M", "100M": "less than 256M"}.items():
        refused = imgctl("resize", "cake.jpg", "--max-memory", value)
        assert refused.code == 2
        assert problem in refused.err


def test_an_interrupted_command_continues_where_it_was(imgctl: Imgctl, cake: Path) -> None:
    folder = cake.parent / "many"
    folder.mkdir()
    for number in range(300):
        (folder / f"{number:03}.png").write_bytes(encoded(photo(20 + number % 7, 16), "PNG"))
    program = Path(sys.executable).with_name("imgctl")
    command = subprocess.Popen(
        [program, "resize", "many", "-o", "out"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    assert command.stdout is not None
    for _ in range(20):
        command.stdout.readline()
    command.send_signal(signal.SIGINT)
    _, err = command.communicate(timeout=60)
    assert command.returncode == 130
    assert "of 300 done. Run the command again to continue." in err
    again = imgctl("resize", "many", "-o", "out", "--json")
    totals = again.document["totals"]
    assert again.code == 0
    assert totals["skipped"] >= 20
    assert totals["skipped"] + totals["resized"] == 300
    assert len(again.document["skipped"]) == totals["skipped"]
    assert imgctl("resize", "many", "-o", "undisturbed", "--quiet").code == 0
    results = sorted((cake.parent / "out").iterdir())
    assert len(results) == 300
    for result in results:
        undisturbed = cake.parent / "undisturbed" / result.name
        assert result.read_bytes() == undisturbed.read_bytes()


def test_the_first_interruption_ends_the_command_and_its_processes(cake: Path) -> None:
    endless = cake.with_name("endless.jpg")
    endless.write_bytes(costly_pictures.jpeg_of_many_scans(9_000, 9_000, 400))
    program = Path(sys.executable).with_name("imgctl")
    # The pipe is closed when every process that has it open has ended.
    command = subprocess.Popen(
        [program, "resize", "endless.jpg", "cake.jpg", "--jobs", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert command.stdout is not None
    assert command.stdout.readline() == "resized\tresized-cake.jpg\t81x60 → 41x30\n"
    command.send_signal(signal.SIGINT)
    _, err = command.communicate(timeout=20)
    assert command.returncode == 130
    assert err.endswith("Error: Interrupted.\n")
    assert {path.name for path in cake.parent.iterdir()} == {
        "cake.jpg", "endless.jpg", "home", "resized-cake.jpg"
    }  # fmt: skip


def piped(*arguments: str, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    program = Path(sys.executable).with_name("imgctl")
    return subprocess.run(
        [program, "resize", *arguments], input=stdin, capture_output=True, timeout=60, check=False
    )


def test_an_image_may_come_from_stdin_and_go_to_stdout(imgctl: Imgctl, cake: Path) -> None:
    imgctl("resize", "cake.jpg", "-o", "out")
    expected = (cake.parent / "out" / "resized-cake.jpg").read_bytes()
    through = piped("-", stdin=cake.read_bytes())
    assert (through.returncode, through.stdout) == (0, expected)
    assert through.stderr.decode() == "resized 81x60 → 41x30\n"
    assert piped("cake.jpg", "-o", "-", "--quiet").stdout == expected
    bad = piped("-", stdin=b"not an image")
    assert (bad.returncode, bad.stdout) == (1, b"")
    assert b"Unrecognized image format" in bad.stderr
    assert sorted(path.name for path in cake.parent.iterdir()) == ["cake.jpg", "home", "out"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["-", "cake.jpg"], "Only one image"),
        (["-", "-o", "out"], "has no name"),
        (["-", "--json"], "--json cannot be used"),
        (["cake.jpg", "--prefix", ""], "use -o FOLDER"),
        (["cake.jpg", "--prefix", "../x"], "cannot contain a slash"),
        (["cake.jpg", "--overwrite", "--skip-existing"], "Use one of"),
        (["-", "--dry-run"], "--dry-run cannot be used with stdin or stdout"),
        (["cake.jpg", "-o", "-", "--dry-run"], "--dry-run cannot be used"),
        (["cake.jpg", "-o", ""], "the folder's name is empty"),
        (["cake.jpg", "--jobs", "many"], "'many' is not a valid integer."),
        ([".", "--include", "*.gif"], "Check --include and --exclude."),
    ],
)
def test_options_that_contradict_each_other_are_a_usage_error(
    imgctl: Imgctl, cake: Path, arguments: list[str], problem: str
) -> None:
    done = imgctl("resize", *arguments)
    assert done.code == 2
    assert problem in done.err
    assert {path.name for path in cake.parent.iterdir()} <= {"cake.jpg", "home"}


def test_results_may_keep_the_names_of_their_sources_in_another_folder(
    imgctl: Imgctl, cake: Path
) -> None:
    assert imgctl("resize", ".", "--prefix", "", "-o", "small").code == 0
    assert size(cake.parent / "small" / "cake.jpg") == (41, 30)


def test_results_with_a_suffix_are_no_inputs_of_the_next_run(imgctl: Imgctl, cake: Path) -> None:
    for _ in range(2):
        assert imgctl("resize", ".", "--prefix", "", "--suffix", "-small").code == 0
    assert sorted(path.name for path in cake.parent.glob("*.jpg")) == ["cake-small.jpg", "cake.jpg"]


def test_a_folder_for_results_that_cannot_be_written_is_named_once(
    imgctl: Imgctl, cake: Path
) -> None:
    cake.with_name("taken").touch()
    cake.with_name("other.jpg").write_bytes(cake.read_bytes())
    done = imgctl("resize", ".", "-o", "taken/small")
    assert done.code == 1
    assert done.out == ""
    assert done.err.count("Could not write to taken/small") == 1


def test_what_was_lost_is_said_on_the_line_of_its_image(imgctl: Imgctl, cake: Path) -> None:
    line = imgctl("resize", "cake.jpg").out
    assert line == "resized\tresized-cake.jpg\t81x60 → 41x30\n"
    clear = photo(40, 30).convert("RGBA")
    clear.putalpha(90)
    cake.with_name("glass.png").write_bytes(encoded(clear, "PNG"))
    line = imgctl("resize", "glass.png", "--format", "jpeg").out
    assert "transparency flattened onto white" in line.split("\t")[3]


def test_a_dry_run_prints_the_results_and_writes_nothing(imgctl: Imgctl, cake: Path) -> None:
    done = imgctl("resize", ".", "-o", "small", "--dry-run")
    assert done.code == 0
    assert done.out == "would resize\tcake.jpg\tsmall/resized-cake.jpg\n"
    assert not cake.with_name("small").exists()
    (file,) = imgctl("resize", "cake.jpg", "--dry-run", "--json").document["files"]
    assert file == {
        "path": "cake.jpg", "result": "resized-cake.jpg", "action": "resize", "reason": ""
    }  # fmt: skip


@pytest.mark.skipif(not hasattr(os, "getxattr"), reason="results are not marked on this system")
def test_results_within_the_inputs_folder_are_no_inputs_of_the_next_run(
    imgctl: Imgctl, cake: Path
) -> None:
    arguments = ("resize", ".", "--recursive", "--prefix", "", "-o", "small")
    assert imgctl(*arguments).out == "resized\tsmall/cake.jpg\t81x60 → 41x30\n"
    again = imgctl(*arguments)
    assert (again.code, again.out) == (0, "skipped\tsmall/cake.jpg\t81x60 → 41x30\n")
    assert "Left out small: a folder of results" in again.err
    assert [str(path) for path in (cake.parent / "small").rglob("*")] == [
        str(cake.parent / "small" / "cake.jpg")
    ]


def test_a_line_break_in_a_name_begins_no_line(imgctl: Imgctl, cake: Path) -> None:
    """The attack: a file's name that looks like a message of the program."""
    for name in ("x\nError: forged\r\x1b[2J.jpg", "sub\nfolder"):
        path = cake.parent / name
        path.mkdir() if "folder" in name else path.touch()
    err = imgctl("resize", ".", "-o", "out").err
    assert "Left out x\\nError: forged\\r\\x1b[2J.jpg: The file is empty." in err
    assert not any(line.startswith(("Error", "folder")) for line in err.splitlines())


def test_a_result_that_stdout_cannot_take_is_a_failure(cake: Path) -> None:
    program = Path(sys.executable).with_name("imgctl")
    for redirection, problem in ((">&-", "stdout is closed."), ("> /dev/full", "write to stdout")):
        done = subprocess.run(
            ["/bin/sh", "-c", f"{program} resize {cake} -o - {redirection}"],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 1
        assert problem in done.stderr


def test_an_image_that_needs_more_memory_names_the_option(imgctl: Imgctl, cake: Path) -> None:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 15_000, 15_000, 8, 2, 0, 0, 0))
    cake.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")))
    done = imgctl("resize", "cake.jpg")
    assert done.code == 1
    assert "If this machine has more memory, use --max-memory." in done.out
    limited = imgctl("resize", "cake.jpg", "--max-memory", "1G")
    assert "--max-memory." not in limited.out


def test_a_working_folder_that_was_deleted_is_named(
    imgctl: Imgctl, cake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = cake.parent / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    done = imgctl("resize", str(cake))
    assert done.code == 1
    assert done.err == (
        "Error: The working folder no longer exists.\n  Change to another folder.\n"
    )
    monkeypatch.chdir(cake.parent)


# ------------------------------------------------------------- renditions

TOML = """\
[[renditions]]
name = "half"
prefix = "resized-"
scale = 0.5
[[renditions]]
name = "web"
prefix = "web/"
fit = "24x24"
format = "webp"
"""


@pytest.fixture
def two_renditions(cake: Path) -> Path:
    (cake.parent / "imgctl.toml").write_text(TOML)
    return cake


def test_all_renditions_of_the_settings_are_made(imgctl: Imgctl, two_renditions: Path) -> None:
    done = imgctl("resize", "cake.jpg")
    assert done.code == 0
    assert done.out == "resized\tcake.jpg\t81x60 → half 41x30, web 24x18\n"
    assert size(two_renditions.with_name("resized-cake.jpg")) == (41, 30)
    assert size(two_renditions.parent / "web" / "cake.jpg.webp") == (24, 18)


def test_json_lists_the_renditions_of_each_record(imgctl: Imgctl, two_renditions: Path) -> None:
    (record,) = imgctl("resize", "cake.jpg", "--json", "-o", "out").document["records"]
    assert record["ResizedObjectKey"] == "out/resized-cake.jpg"
    half, web = record["Renditions"]
    assert (half["name"], half["key"]) == ("half", "out/resized-cake.jpg")
    stored = two_renditions.parent / "out" / "web" / "cake.jpg.webp"
    assert web == {
        "name": "web",
        "key": "out/web/cake.jpg.webp",
        "width": 24,
        "height": 18,
        "format": "WEBP",
        "bytes": stored.stat().st_size,
        "quality": 80,
        "settings": web["settings"],
    }


def test_one_rendition_can_be_chosen(imgctl: Imgctl, two_renditions: Path) -> None:
    assert imgctl("resize", "cake.jpg", "--rendition", "web").code == 0
    alone = (two_renditions.parent / "web" / "cake.jpg.webp").read_bytes()
    assert not two_renditions.with_name("resized-cake.jpg").exists()
    assert imgctl("resize", "cake.jpg", "-o", "out").code == 0
    assert (two_renditions.parent / "out" / "web" / "cake.jpg.webp").read_bytes() == alone


def test_options_of_one_result_take_the_place_of_the_renditions(
    imgctl: Imgctl, two_renditions: Path
) -> None:
    done = imgctl("resize", "cake.jpg", "--width", "20", "-o", "out")
    assert done.code == 0
    assert [path.name for path in (two_renditions.parent / "out").iterdir()] == ["resized-cake.jpg"]


@pytest.mark.usefixtures("two_renditions")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--rendition", "thumb"], "There is no rendition thumb.\n  Known renditions: half, web."),
        (["--rendition", "web", "--width", "5"], "Use either --rendition or options"),
        (["--gravity", "north"], "--gravity is only for --cover"),
        (["--cover", "5"], "--cover 5: use the form 1600x1200"),
        (["--cover", "5x5", "--fit", "5x5"], "Use one of --scale, --fit, --cover"),
        (["-o", "-"], "Only one rendition can be written to stdout: use --rendition."),
    ],
)
def test_options_that_contradict_each_other_are_usage_errors(
    imgctl: Imgctl, options: list[str], message: str
) -> None:
    done = imgctl("resize", "cake.jpg", *options)
    assert done.code == 2
    assert message in done.err


@pytest.mark.usefixtures("cake")
def test_without_renditions_the_error_says_where_to_describe_them(imgctl: Imgctl) -> None:
    done = imgctl("resize", "cake.jpg", "--rendition", "web")
    assert done.code == 2
    assert "Describe it with [[renditions]] in imgctl.toml." in done.err


def test_a_second_run_over_a_folder_takes_no_result_for_an_original(
    imgctl: Imgctl, two_renditions: Path
) -> None:
    folder = str(two_renditions.parent)
    assert imgctl("resize", folder, "--recursive").code == 0
    again = imgctl("resize", folder, "--recursive", "--json")
    assert again.document["totals"] == {"resized": 0, "skipped": 1, "failed": 0}
    reasons = {Path(item["path"]).name: item["reason"] for item in again.document["left_out"]}
    assert reasons["web"] == "a folder of results: pass it as an argument to include it"
    assert reasons["resized-cake.jpg"] == "a result of an earlier run"


def test_notes_name_the_rendition_that_lost_something(imgctl: Imgctl, two_renditions: Path) -> None:
    toml = TOML.replace('"webp"', '"jpeg"')
    (two_renditions.parent / "imgctl.toml").write_text(toml)
    clear = photo(80, 60).convert("RGBA")
    clear.putalpha(100)
    (two_renditions.parent / "clear.png").write_bytes(encoded(clear, "PNG"))
    done = imgctl("resize", "clear.png")
    assert "web: transparency flattened onto white (JPEG has no alpha)" in done.out
