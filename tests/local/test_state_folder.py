"""The folder of the embedded AWS is the user's alone, and nothing in it is reached by a link."""

import os
import stat
from pathlib import Path

import pytest

from imgctl.cli.resolved_settings import resolve
from imgctl.local import daemon
from imgctl.local.state_folder import LocalError, open_folder

FILES = ("server.lock", "start.lock", "root.json", "port")
FOLDERS = ("home", "state", "objects", "staged", "events")


@pytest.fixture
def folder(tmp_path: Path) -> object:
    folder = tmp_path / "local"
    yield folder
    if folder.is_dir() and folder.stat().st_mode & 0o022 == 0:
        daemon.stop(folder)


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    """A file of the user's outside the folder, as `thesis/chapter`."""
    path = tmp_path / "thesis" / "chapter"
    path.parent.mkdir()
    path.write_text("precious")
    return path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        (None, ".local/state"),
        ("", ".local/state"),
        ("relative", ".local/state"),
        ("{home}/elsewhere", "elsewhere"),
    ],
)
def test_state_is_in_the_users_state_folder(
    variable: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    if variable is not None:
        monkeypatch.setenv("XDG_STATE_HOME", variable.format(home=Path.home()))
    settings = resolve({}, {}, None).settings
    assert settings.local_dir == Path.home() / expected / "imgctl" / "local"


def test_a_new_folder_and_all_its_files_are_private(folder: Path) -> None:
    daemon.start(folder)
    assert mode(folder) == 0o700
    daemon.stop(folder)
    assert {mode(path) & 0o077 for path in folder.iterdir()} == {0}


def test_a_folder_that_others_can_read_is_closed_to_them(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o755)
    daemon.start(folder)
    assert mode(folder) == 0o700


@pytest.mark.parametrize("permissions", [0o777, 0o1777, 0o770, 0o720])
def test_a_folder_that_others_can_write_to_is_refused(folder: Path, permissions: int) -> None:
    folder.mkdir()
    folder.chmod(permissions)
    for command in (daemon.start, daemon.running, daemon.stop, daemon.reset):
        with pytest.raises(LocalError, match="Other users can write to") as refused:
            command(folder)
        assert "chmod 700" in refused.value.hint
    assert list(folder.iterdir()) == []


def test_a_folder_of_another_user_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir()
    owner = folder.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(LocalError, match="belongs to another user"):
        daemon.start(folder)
    monkeypatch.undo()


def test_a_folder_that_the_user_named_may_be_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    folder.symlink_to(tmp_path / "disk")
    daemon.start(folder)
    assert (tmp_path / "disk" / "server.json").exists()


def test_a_file_in_place_of_the_folder_is_an_error(folder: Path) -> None:
    folder.write_text("")
    with pytest.raises(LocalError, match="Cannot open the folder"):
        daemon.start(folder)
    with pytest.raises(LocalError, match="Cannot create the folder"):
        daemon.start(folder / "below")
    folder.unlink()


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_a_link_is_refused(folder: Path, precious: Path, name: str) -> None:
    folder.mkdir()
    (folder / name).symlink_to(precious)
    with pytest.raises(LocalError, match=f"{name} is a symbolic link"):
        daemon.start(folder)
    assert precious.read_text() == "precious"


@pytest.mark.parametrize("name", FOLDERS)
def test_a_subfolder_that_is_a_link_is_refused(folder: Path, precious: Path, name: str) -> None:
    folder.mkdir()
    (folder / name).symlink_to(precious.parent)
    with pytest.raises(LocalError, match=f"{name} is a symbolic link"):
        daemon.start(folder)
    assert [path.name for path in precious.parent.iterdir()] == ["chapter"]


def test_a_named_pipe_in_place_of_a_file_does_not_block(folder: Path) -> None:
    folder.mkdir()
    os.mkfifo(folder / "root.json")
    with pytest.raises(LocalError, match="of another type"):
        daemon.start(folder)


@pytest.mark.parametrize("name", ["server.log", "server.json", "tmp"])
def test_a_link_in_place_of_what_each_start_creates_is_replaced(
    folder: Path, precious: Path, name: str
) -> None:
    folder.mkdir()
    (folder / name).symlink_to(precious)
    daemon.start(folder)
    assert not (folder / name).is_symlink()
    assert precious.read_text() == "precious"


@pytest.mark.parametrize("name", ["state", "objects", "home", "server.log", "port"])
def test_a_reset_deletes_links_and_not_what_they_point_to(
    folder: Path, precious: Path, name: str
) -> None:
    folder.mkdir()
    (folder / "server.lock").touch()
    (folder / name).symlink_to(precious.parent)
    (folder / "events").mkdir()
    (folder / "events" / "inner").symlink_to(precious.parent)
    daemon.reset(folder)
    assert precious.read_text() == "precious"
    assert [path.name for path in folder.iterdir()] == ["server.lock"]


def test_a_failed_write_keeps_the_former_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_folder(tmp_path / "local", create=True) as state:
        assert state is not None
        state.write("port", "1")

        def fail(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "replace", fail)
        with pytest.raises(OSError, match="No space left"):
            state.write("port", "2")
        monkeypatch.undo()
        assert state.read("port") == "1"
        assert [path.name for path in state.path.iterdir()] == ["port"]
