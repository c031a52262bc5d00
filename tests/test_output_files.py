"""Files that the program writes replace links instead of following them."""

import os
from pathlib import Path

import pytest

from imgctl.output_files import output_file


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    path = tmp_path / "thesis" / "chapter"
    path.parent.mkdir()
    path.write_text("precious")
    return path


def write(path: Path, *, overwrite: bool = True) -> None:
    with output_file(path, mode=0o640, overwrite=overwrite) as file:
        file.write(b"new")


def test_a_new_file_has_its_content_and_mode(tmp_path: Path) -> None:
    write(tmp_path / "new")
    assert (tmp_path / "new").read_bytes() == b"new"
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("target", ["chapter", "missing"])
def test_a_link_is_replaced_and_its_target_is_not(
    tmp_path: Path, precious: Path, target: str
) -> None:
    link = tmp_path / "link"
    link.symlink_to(precious.parent / target)
    with pytest.raises(FileExistsError):
        write(link, overwrite=False)
    write(link)
    assert link.read_bytes() == b"new"
    assert not link.is_symlink()
    assert [(p.name, p.read_text()) for p in precious.parent.iterdir()] == [("chapter", "precious")]


def test_what_is_not_a_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for name in ("pipe", "link", "."):
        with pytest.raises(OSError, match="Not a regular file"):
            write(tmp_path / name)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="No such folder") as refused:
        write(tmp_path / "plans" / "new")
    assert refused.value.filename == str(tmp_path / "plans")


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def interrupted() -> None:
        with output_file(path, mode=0o600) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir() if p.is_file()] == [("file", "old")]
