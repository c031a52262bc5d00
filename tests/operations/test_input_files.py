from pathlib import Path

import pytest

from imgctl.operations.input_files import InputNotFound, find_input_files
from tests.pictures import encoded, photo


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "trip"
    (folder / "day two").mkdir(parents=True)
    for name in ("a.jpg", "no-extension", "resized-a.jpg", "day two/b.png"):
        (folder / name).write_bytes(encoded(photo(), "PNG" if name.endswith("png") else "JPEG"))
    (folder / "notes.jpg").write_text("not a picture")
    monkeypatch.chdir(tmp_path)
    return folder


def names(*named: str, recursive: bool = False) -> list[str]:
    return [
        str(entry.name)
        for entry in find_input_files(named, recursive=recursive, skip_prefix="resized-").files
    ]


@pytest.mark.usefixtures("album")
def test_a_folder_contributes_its_images_without_earlier_results() -> None:
    assert names("trip") == ["trip/a.jpg", "trip/no-extension"]
    assert names("trip/") == ["trip/a.jpg", "trip/no-extension"]


@pytest.mark.usefixtures("album")
def test_subfolders_are_included_with_recursive() -> None:
    assert "trip/day two/b.png" in names("trip", recursive=True)


def test_the_working_folder_has_no_name_of_its_own(
    album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(album)
    assert names(".") == ["a.jpg", "no-extension"]


@pytest.mark.usefixtures("album")
def test_a_named_file_is_included_whatever_it_is() -> None:
    assert names("trip/notes.jpg", "trip/resized-a.jpg") == ["notes.jpg", "resized-a.jpg"]


@pytest.mark.usefixtures("album")
def test_a_pattern_that_no_shell_expanded_is_expanded() -> None:
    assert names("trip/*.jpg") == ["a.jpg", "notes.jpg", "resized-a.jpg"]


@pytest.mark.usefixtures("album")
def test_a_file_that_is_named_twice_is_included_once() -> None:
    assert len(names("trip/a.jpg", "trip", "trip/../trip/a.jpg")) == 2


def test_a_link_and_its_target_are_two_files(album: Path) -> None:
    (album / "link.jpg").symlink_to("a.jpg")
    assert names("trip/a.jpg", "trip/link.jpg") == ["a.jpg", "link.jpg"]


def test_skipped_files_are_counted(album: Path) -> None:
    found = find_input_files([str(album)], recursive=False, skip_prefix="resized-")
    assert found.skipped == 2


@pytest.mark.parametrize("named", ["nowhere.jpg", "no-*-match", "trip/day three"])
@pytest.mark.usefixtures("album")
def test_a_path_that_does_not_exist_is_an_error(named: str) -> None:
    with pytest.raises(InputNotFound, match="No such file or folder"):
        names("trip/a.jpg", named)


@pytest.mark.usefixtures("album")
def test_a_folder_without_images_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputNotFound, match="No images found") as missing:
        names("empty")
    assert "--recursive" in missing.value.hint
