"""`imgctl local logs` reads and follows the server's log."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imgctl.local import daemon, log_file
from imgctl.local.state_folder import LocalError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "local"
    folder.mkdir()
    return folder


@pytest.fixture
def log(folder: Path) -> Path:
    path = folder / log_file.NAME
    path.write_text("one\ntwo\nthree\n")
    return path


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def followed(folder: Path, *steps: Callable[[], object], count: int = 50) -> list[str]:
    """Follow a log in which one step happens each time when there is nothing new."""
    left: Iterator[Callable[[], object]] = iter(steps)

    class EndError(Exception):
        pass

    def wait() -> None:
        step = next(left, None)
        if step is None:
            raise EndError
        step()

    lines = []
    try:
        for line in log_file.follow(folder, count, wait):
            lines.append(line)  # noqa: PERF402  # those before the end count, too
    except EndError:
        return lines
    raise AssertionError("unreachable")


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, []), (1, ["three"]), (2, ["two", "three"]), (9, ["one", "two", "three"])],
)
def test_the_last_lines_are_returned(folder: Path, count: int, expected: list[str]) -> None:
    assert log_file.tail(folder, count) == expected
    assert followed(folder, count=count) == expected


def test_without_a_log_there_are_no_lines(tmp_path: Path, folder: Path) -> None:
    assert log_file.tail(folder, 5) == log_file.tail(tmp_path / "nothing", 5) == []


def test_only_newlines_end_a_line(folder: Path, log: Path) -> None:
    log.write_bytes("a\x0bb\x85c\u2028d\n\xff".encode() + b"\xff\n")
    assert log_file.tail(folder, 9) == ["a\x0bb\x85c\u2028d", "\xff\ufffd"]


def test_new_lines_follow_once_they_are_complete(folder: Path, log: Path) -> None:
    lines = followed(
        folder,
        lambda: append(log, "fo"),
        lambda: append(log, "ur\nfive\nsi"),
        lambda: append(log, "x\n"),
        count=1,
    )
    assert lines == ["three", "four", "five", "six"]


def test_a_log_may_be_created_later(folder: Path) -> None:
    assert followed(folder, lambda: append(folder / log_file.NAME, "one\n")) == ["one"]


def test_the_last_lines_of_a_replaced_log_come_before_the_new_one(folder: Path, log: Path) -> None:
    def replace() -> None:
        append(log, "last\nunfinished")
        log.unlink()
        log.write_text("new\n")

    def replace_by_longer() -> None:
        log.rename(folder / "old")
        log.write_text("a much longer log than before\n")

    lines = followed(folder, replace, replace_by_longer, lambda: append(log, "end\n"), count=0)
    assert lines == ["last", "unfinished", "new", "a much longer log than before", "end"]


def test_an_emptied_log_is_read_from_its_start(folder: Path, log: Path) -> None:
    lines = followed(folder, lambda: log.write_text("x\n"), lambda: append(log, "y\n"), count=1)
    assert lines == ["three", "x", "y"]


def test_a_log_that_disappears_for_a_while_is_not_repeated(folder: Path, log: Path) -> None:
    other = folder / "other"
    assert followed(folder, lambda: log.rename(other), lambda: other.rename(log), count=0) == []


def test_a_log_that_is_a_link_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret\n")
    (folder / log_file.NAME).symlink_to(tmp_path / "secret")
    with pytest.raises(LocalError, match="is a symbolic link"):
        log_file.tail(folder, 5)
    with pytest.raises(LocalError, match="is a symbolic link"):
        followed(folder)


def imgctl(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "imgctl", "local", "logs", *arguments],
        env=os.environ | {"IMGCTL_LOCAL_DIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_following_survives_a_restart_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    folder = tmp_path / "local"
    first = daemon.start(folder)
    with imgctl(folder, "-f") as follower:
        assert follower.stdout is not None
        lines = iter(follower.stdout.readline, "")
        try:
            assert any("Ready" in line for line in lines)
            daemon.stop(folder)
            second = daemon.start(folder)
            assert second.pid != first.pid
            assert any("shutting down" in line for line in lines)
            assert any("Ready" in line for line in lines)
        finally:
            follower.send_signal(signal.SIGINT)
            daemon.stop(folder)
    assert follower.returncode == 130


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-n", "-5"], "-5 is not in the range x>=0"),
        (["-n", "many"], "'many' is not a valid integer"),
        (["-f", "--json"], "cannot follow"),
    ],
)
def test_impossible_requests_are_usage_errors(
    folder: Path, arguments: list[str], message: str
) -> None:
    with imgctl(folder, *arguments) as process:
        _, err = process.communicate()
    assert process.returncode == 2
    assert message in err
