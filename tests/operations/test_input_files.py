import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from imgctl.operations.input_files import (
    InputFilter,
    InputNotFound,
    find_input_files,
    list_input_files,
    split_paths,
)
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


@pytest.fixture
def without_privileges(album: Path) -> Iterator[None]:  # noqa: ARG001 (which is made before)
    """Be an ordinary user in the working folder, even if root runs the tests."""
    user = os.geteuid()
    if user != 0:
        yield
        return
    for path in (Path(), *Path().rglob("*")):
        os.chown(path, 65534, 65534)
    os.seteuid(65534)
    yield
    os.seteuid(user)


class Resized:
    """Results whose names begin with `resized-`, or that lie in a folder `small`."""

    def is_result(self, name: str) -> bool:
        return name.startswith("resized-")

    def is_folder(self, path: Path) -> bool:
        return path.name == "small"


NO_RESULTS = InputFilter(results=Resized())


def names(*named: str, recursive: bool = False, wanted: InputFilter = NO_RESULTS) -> list[str]:
    found = find_input_files(named, recursive=recursive, wanted=wanted)
    return [str(entry.name) for entry in found.files]


@pytest.mark.usefixtures("album")
def test_a_folder_contributes_its_images_without_earlier_results() -> None:
    assert names("trip") == ["a.jpg", "no-extension"]


@pytest.mark.usefixtures("album")
def test_subfolders_are_included_with_recursive() -> None:
    assert "day two/b.png" in names("trip", recursive=True)


@pytest.mark.parametrize(
    "spelling",
    ["trip", "trip/", "./trip", "trip/.", "trip/day two/..", "../{parent}/trip", "{here}/trip"],
)
def test_a_name_does_not_depend_on_how_the_folder_is_spelled(album: Path, spelling: str) -> None:
    path = spelling.format(parent=album.parent.name, here=album.parent)
    assert names(path, recursive=True) == ["a.jpg", "day two/b.png", "no-extension"]


def test_a_file_has_the_same_name_as_in_its_folder(
    album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert names("trip/a.jpg") == names("./trip/a.jpg") == names("trip/a*.jpg") == ["a.jpg"]
    monkeypatch.chdir(album)
    assert names("a.jpg") == ["a.jpg"]
    assert names(".") == names("../trip") == ["a.jpg", "no-extension"]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (InputFilter(include=("*.png",)), ["day two/b.png"]),
        (InputFilter(include=("day two/*",)), ["day two/b.png"]),
        (InputFilter(include=("*.png", "a.*")), ["a.jpg", "day two/b.png"]),
        (InputFilter(exclude=("*.jpg",)), ["day two/b.png", "no-extension"]),
        (InputFilter(exclude=("day*",)), ["a.jpg", "no-extension", "resized-a.jpg"]),
        (InputFilter(("*.jpg",), ("resized-*",)), ["a.jpg"]),
    ],
)
@pytest.mark.usefixtures("album")
def test_patterns_choose_among_the_files_of_a_folder(
    wanted: InputFilter, expected: list[str]
) -> None:
    assert names("trip", recursive=True, wanted=wanted) == expected


@pytest.mark.usefixtures("album")
def test_a_file_that_is_named_is_taken_whatever_the_patterns_say() -> None:
    assert names("trip/a.jpg", wanted=InputFilter(exclude=("*.jpg",))) == ["a.jpg"]


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


def left_out(*named: str, recursive: bool = False) -> dict[str, tuple[str, bool]]:
    found = find_input_files(named, recursive=recursive, wanted=NO_RESULTS)
    return {str(item.path): (item.reason, item.failed) for item in found.left_out}


def test_everything_that_is_left_out_of_a_folder_has_a_reason(album: Path, tmp_path: Path) -> None:
    (album / "empty.jpg").touch()
    (album / "paper.pdf").write_bytes(b"%PDF-1.7")
    (album / ".imgctl-0123").write_bytes(encoded(photo(), "PNG"))
    (album / "link").symlink_to(tmp_path)
    os.mkfifo(album / "pipe.jpg")
    assert left_out("trip") == {
        "trip/.imgctl-0123": ("an unfinished result of an interrupted run", False),
        "trip/day two": ("a subfolder: use --recursive to include it", False),
        "trip/empty.jpg": ("The file is empty.", False),
        "trip/link": ("a link to a folder: pass it as an argument to include it", False),
        "trip/notes.jpg": ("Unrecognized image format.", False),
        "trip/paper.pdf": ("The file is in PDF format, which is not supported.", False),
        "trip/pipe.jpg": ("not a regular file", False),
        "trip/resized-a.jpg": ("a result of an earlier run", False),
    }


@pytest.mark.usefixtures("without_privileges")
def test_what_cannot_be_read_is_left_out_and_counts_as_a_failure() -> None:
    Path("trip/a.jpg").chmod(0)
    Path("trip/day two").chmod(0)
    found = left_out("trip", recursive=True)
    assert found["trip/a.jpg"] == ("Permission denied", True)
    assert found["trip/day two"] == ("Permission denied", True)


def test_an_error_about_a_folder_without_images_says_what_it_contains(tmp_path: Path) -> None:
    folder = tmp_path / "papers"
    (folder / "sub").mkdir(parents=True)
    for number in range(4):
        (folder / f"{number}.pdf").write_bytes(b"%PDF-1.7")
    with pytest.raises(InputNotFound) as missing:
        find_input_files([str(folder)], recursive=False)
    assert f"{folder}/0.pdf: The file is in PDF format" in missing.value.message
    assert missing.value.message.endswith("; and 2 more).")
    assert "--recursive" in missing.value.hint


@pytest.mark.parametrize("named", ["nowhere.jpg", "no-*-match", "trip/day three"])
@pytest.mark.usefixtures("album")
def test_a_path_that_does_not_exist_is_an_error(named: str) -> None:
    with pytest.raises(InputNotFound, match="No such file or folder"):
        names("trip/a.jpg", named)


@pytest.mark.usefixtures("album")
def test_a_folder_without_images_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputNotFound, match=r"No images found\."):
        names("empty")


def test_hidden_files_and_folders_are_left_out_unless_named(album: Path) -> None:
    (album / ".DS_Store").write_bytes(b"x")
    (album / ".cache").mkdir()
    for path in (album / ".a.jpg", album / ".cache" / "b.jpg"):
        path.write_bytes(encoded(photo(), "JPEG"))
    assert names("trip", recursive=True) == ["a.jpg", "day two/b.png", "no-extension"]
    reason = ("hidden: pass it as an argument to include it", False)
    hidden = {path: told for path, told in left_out("trip").items() if "/." in path}
    assert hidden == dict.fromkeys(("trip/.DS_Store", "trip/.cache", "trip/.a.jpg"), reason)
    assert names("trip/.a.jpg", "trip/.cache") == [".a.jpg", "b.jpg"]


@pytest.mark.usefixtures("album")
def test_a_list_of_files_opens_none_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a file is opened")

    monkeypatch.setattr(Path, "open", refuse)
    listed = list_input_files(["trip"], recursive=True, wanted=NO_RESULTS)
    assert [(str(file.name), file.is_named) for file in listed.files] == [
        ("a.jpg", False), ("day two/b.png", False), ("no-extension", False), ("notes.jpg", False),
    ]  # fmt: skip


def test_a_list_of_paths_may_contain_any_name() -> None:
    assert split_paths(b"a b.jpg\n\n\xff.jpg\n", separator=b"\n") == ("a b.jpg", "\udcff.jpg")
    assert split_paths(b"a\nb.jpg\0c", separator=b"\0") == ("a\nb.jpg", "c")
