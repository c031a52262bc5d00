"""An image is resized in a child process, whose end is not the end of its parent."""

import os
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

import imgctl
from imgctl.core.errors import Damaged, NotAnImage, OutOfMemory, PictureError, TooSlow
from imgctl.core.formats import ImageFormat
from imgctl.core.limits import MEBIBYTE, Limits
from imgctl.core.resize import resize, resize_each
from imgctl.core.spec import Fit, MetadataPolicy, ResizeSpec
from imgctl.sandbox.child import Child, ChildNotStarted, spawn, start_program
from imgctl.sandbox.process import Interrupted, ResizeProcess
from tests import costly_pictures
from tests.pictures import encoded, photo
from tests.sandbox.conftest import opened

HALF = ResizeSpec()
# Nothing is refused for what its header says: only the limits of the process are left.
UNCHECKED = Limits(
    max_pixels=10**12,
    max_memory_bytes=10**12,
    max_process_bytes=200 * MEBIBYTE,
    max_estimated_seconds=10**6,
)


@pytest.mark.parametrize("format_", list(ImageFormat))
def test_a_result_is_the_same_as_without_a_child(
    process: ResizeProcess, format_: ImageFormat
) -> None:
    spec = ResizeSpec(Fit(30, None), metadata=MetadataPolicy.NONE)
    with opened(encoded(photo(), format_.value)) as source:
        assert process.resize(source, [spec, HALF], Limits()) == resize_each(
            source, [spec, HALF], Limits()
        )


def test_an_error_is_the_same_as_without_a_child(process: ResizeProcess) -> None:
    with opened(b"no picture") as source:
        with pytest.raises(NotAnImage) as here:
            resize(source, HALF, Limits())
        with pytest.raises(NotAnImage) as there:
            process.resize(source, [HALF], Limits())
    assert (there.value.message, there.value.hint) == (here.value.message, here.value.hint)


def test_one_child_resizes_many_images(process: ResizeProcess) -> None:
    children = set()
    for _ in range(3):
        with opened(encoded(photo(), "PNG")) as source:
            process.resize(source, [HALF], Limits())
        children.add(process._child)
    assert len(children) == 1


@pytest.mark.parametrize(
    "picture",
    [
        costly_pictures.gif_of_a_huge_screen(40_000),
        costly_pictures.gif_that_grows(40_000),
        costly_pictures.tiff_of_a_huge_tile(9_000),
    ],
    ids=["a huge screen", "a growing frame", "a huge tile"],
)
def test_an_image_that_needs_more_memory_than_allowed_is_too_large(
    process: ResizeProcess, picture: bytes
) -> None:
    with opened(picture) as source, pytest.raises(OutOfMemory):
        process.resize(source, [HALF], UNCHECKED)


def test_an_image_that_needs_too_much_processor_time_is_too_slow(process: ResizeProcess) -> None:
    limits = replace(UNCHECKED, max_cpu_seconds=1)
    with (
        opened(costly_pictures.jpeg_of_many_scans(4_000, 4_000, 4_000)) as source,
        pytest.raises(TooSlow, match="longer than 1 s"),
    ):
        process.resize(source, [HALF], limits)


def test_an_image_that_takes_too_long_is_too_slow(process: ResizeProcess) -> None:
    process.start()
    process.wait_until_ready()  # so that the time limit is the image's own
    with (
        opened(costly_pictures.jpeg_of_many_scans(4_000, 4_000, 4_000)) as source,
        pytest.raises(TooSlow),
    ):
        process.resize(source, [HALF], UNCHECKED, timeout_s=0.5)


def test_a_processor_limit_applies_to_each_image_anew(process: ResizeProcess) -> None:
    limits = replace(UNCHECKED, max_cpu_seconds=2)
    for _ in range(4):  # each takes most of a second
        with opened(costly_pictures.jpeg_of_many_scans(4_000, 4_000, 60)) as source:
            process.resize(source, [HALF], limits)


@pytest.mark.parametrize(
    ("picture", "timeout_s"),
    [
        # Kills its child, and time passes while another one starts.
        (costly_pictures.gif_of_a_huge_screen(40_000), 60),
        (costly_pictures.jpeg_of_many_scans(4_000, 4_000, 4_000), 0.5),
        (b"no picture", 60),
    ],
)
def test_the_next_image_is_resized_whatever_happened_to_the_last(
    process: ResizeProcess, picture: bytes, timeout_s: float
) -> None:
    process.start()
    process.wait_until_ready()
    with opened(picture) as source, pytest.raises(PictureError):
        process.resize(source, [HALF], UNCHECKED, timeout_s=timeout_s)
    with opened(encoded(photo(80, 60), "JPEG")) as source:
        assert process.resize(source, [HALF], Limits())[0].resized.size.width == 40


CHILD = """
import os, signal, socket, sys, time
from imgctl.sandbox import messages
connection = socket.socket(fileno=int(sys.argv[-1]))
connection.sendall(messages.READY)
messages.receive_request(connection)
"""


def resize_with(*children: str) -> PictureError:
    """Resize with children that answer their first image with this code; return the error."""
    programs = iter(children)
    process = ResizeProcess(lambda: start_program(sys.executable, "-c", CHILD + next(programs)))
    with (
        closing(process),
        opened(encoded(photo(), "PNG")) as source,
        pytest.raises(PictureError) as raised,
    ):
        process.resize(source, [HALF], Limits(), timeout_s=30)
    assert next(programs, None) is None  # each was started
    return raised.value


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGBUS"])
def test_a_crash_of_the_decoder_means_that_the_image_is_damaged(name: str) -> None:
    error = resize_with(f"os.kill(os.getpid(), signal.{name})")
    assert isinstance(error, Damaged)
    assert name in error.message


def test_a_child_that_the_kernel_kills_ran_out_of_memory() -> None:
    assert isinstance(resize_with("os.kill(os.getpid(), signal.SIGKILL)"), OutOfMemory)


@pytest.mark.parametrize(
    "answer",
    [
        "os._exit(3)",
        "connection.sendall(b'{')",
        "connection.sendall(b'no JSON\\n'); time.sleep(60)",
        "connection.sendall(b'null\\n'); time.sleep(60)",
        "connection.sendall(b'x' * 2_000_000); time.sleep(60)",
        """connection.sendall(b'{"error": "SystemExit", "message": "", "hint": ""}\\n')""",
    ],
)
def test_an_answer_that_is_none_means_that_the_image_is_damaged(answer: str) -> None:
    assert isinstance(resize_with(answer), Damaged)


@pytest.mark.parametrize("sizes", [[-1], [10**15], [], [1, 1], ['"1"', 2, 3]], ids=str)
def test_results_of_impossible_sizes_or_of_another_number_are_not_received(
    sizes: list[object],
) -> None:
    info = '{"size": [1, 1], "format": "PNG", "mode": "L", "frames": 1, "file_bytes": 1}'
    results = ", ".join(
        f'{{"data_bytes": {size}, "original": {info}, "resized": {info}, "notes": [],'
        ' "quality": null}'
        for size in sizes
    )
    line = f'{{"results": [{results}]}}\\n'
    assert isinstance(resize_with(f"connection.sendall(b'{line}'); time.sleep(60)"), Damaged)


def test_a_child_that_does_not_start_is_no_image_s_fault() -> None:
    process = ResizeProcess(lambda: start_program(sys.executable, "-c", "raise SystemExit(3)"))
    with (
        closing(process),
        opened(encoded(photo(), "PNG")) as source,
        pytest.raises(ChildNotStarted, match="exit code 3"),
    ):
        process.resize(source, [HALF], Limits())


def test_an_image_that_a_used_child_dies_of_is_given_to_a_new_one() -> None:
    answer_once = """
connection.sendall(messages.encode_error(NotAnImage("first")))
messages.receive_request(connection)
os.kill(os.getpid(), signal.SIGSEGV)
"""
    programs = iter(["from imgctl.core.errors import NotAnImage\n" + answer_once])

    def start() -> Child:
        program = next(programs, None)
        return start_program(sys.executable, "-c", CHILD + program) if program else spawn()

    with closing(ResizeProcess(start)) as process, opened(encoded(photo(), "PNG")) as source:
        with pytest.raises(NotAnImage, match="first"):
            process.resize(source, [HALF], Limits())
        assert process.resize(source, [HALF], Limits()) == [resize(source, HALF, Limits())]


def test_an_interrupted_image_ends_at_once_and_no_child_is_left() -> None:
    process = ResizeProcess(spawn)
    errors: list[BaseException] = []

    def run() -> None:
        with opened(costly_pictures.jpeg_of_many_scans(4_000, 4_000, 100_000)) as source:
            try:
                process.resize(source, [HALF], UNCHECKED)
            except BaseException as error:
                errors.append(error)

    process.start()
    child = process._child
    assert child is not None
    thread = threading.Thread(target=run)
    thread.start()
    while not child.is_used:
        time.sleep(0.01)
    process.interrupt()
    thread.join(timeout=20)
    assert isinstance(errors[0], Interrupted)
    with pytest.raises(ChildProcessError):
        os.waitpid(child._pid, os.WNOHANG)  # reaped


def test_a_program_that_was_found_by_pythonpath_starts_children_of_its_own_code(
    tmp_path: Path,
) -> None:
    (tmp_path / "imgctl").symlink_to(Path(imgctl.__file__).parent)
    program = """
import sys
sys.meta_path[:] = [f for f in sys.meta_path if "editable" not in repr(f)]
from imgctl.sandbox.interpreter import isolated_command
assert isolated_command("x")[5] == sys.argv[1], isolated_command("x")
import subprocess
subprocess.run([*isolated_command("imgctl.sandbox.server"), "99"], check=False)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Bad file descriptor" in done.stderr  # the server's: it was found and started


def test_the_code_of_a_child_does_not_come_from_the_working_folder_or_pythonpath(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, process: ResizeProcess
) -> None:
    for name in ("PIL", "imgctl", "socket", "struct"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with opened(encoded(photo(), "PNG")) as source:
        assert process.resize(source, [HALF], Limits())[0].data
