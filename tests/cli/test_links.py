"""No command writes through a link that somebody else may have put there."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli_result import CliResult
from tests.pictures import encoded, photo

Imgctl = Callable[..., CliResult]


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    path = tmp_path / "thesis" / "chapter"
    path.parent.mkdir()
    path.write_text("precious")
    return path


def test_a_result_replaces_a_link_only_with_overwrite(
    imgctl: Imgctl, tmp_path: Path, precious: Path
) -> None:
    picture = tmp_path / "a.jpg"
    picture.write_bytes(encoded(photo(40, 30), "JPEG"))
    (tmp_path / "resized-a.jpg").symlink_to(precious.parent / "missing")
    assert imgctl("resize", str(picture)).code == 1
    imgctl("resize", str(picture), "--overwrite").succeeded()
    assert [p.name for p in precious.parent.iterdir()] == ["chapter"]


def test_no_result_leaves_the_folder_that_was_named(
    imgctl: Imgctl, tmp_path: Path, precious: Path
) -> None:
    trip = tmp_path / "trip"
    (trip / "day").mkdir(parents=True)
    (trip / "day" / "a.jpg").write_bytes(encoded(photo(40, 30), "JPEG"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "day").symlink_to(precious.parent)
    refused = imgctl("resize", str(trip), "--recursive", "-o", str(tmp_path / "out"))
    assert refused.code == 1
    assert "leads out of" in refused.out
    assert [p.name for p in precious.parent.iterdir()] == ["chapter"]
    (tmp_path / "linked").symlink_to(precious.parent)  # which the user names
    imgctl("resize", str(trip), "--recursive", "-o", str(tmp_path / "linked")).succeeded()


def test_a_bundle_is_not_written_through_a_link(
    imgctl: Imgctl, tmp_path: Path, precious: Path
) -> None:
    link = tmp_path / "function.zip"
    link.symlink_to(precious)
    refused = imgctl("package", "-o", str(link))
    assert (refused.code, "is a symbolic link" in refused.err) == (1, True)
    assert precious.read_text() == "precious"


def test_the_default_folder_of_the_demo_is_not_a_link(imgctl: Imgctl, precious: Path) -> None:
    Path("imgctl-demo").symlink_to(precious.parent)
    refused = imgctl("demo")
    assert (refused.code, "imgctl-demo is a link" in refused.err) == (1, True)


def test_init_does_not_write_through_a_link(imgctl: Imgctl, precious: Path) -> None:
    Path("imgctl.toml").symlink_to(precious.parent / "missing")
    assert imgctl("init").code == 1
    assert [p.name for p in precious.parent.iterdir()] == ["chapter"]
