"""`imgctl package`, with a wheel of a few bytes in place of Pillow's."""

from collections.abc import Callable
from pathlib import Path

import pytest

from imgctl import __version__
from infra.bundle import Architecture
from infra.bundle_cache import user_cache
from tests.cli_result import CliResult
from tests.infra.package_server import ARM_WHEEL

Imgctl = Callable[..., CliResult]


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, ...]]:
    """What is downloaded, by its platforms; the cache is empty at first."""
    done: list[tuple[str, ...]] = []

    def download(_: bytes, platforms: tuple[str, ...], *__: object) -> list[bytes]:
        done.append(platforms)
        return [ARM_WHEEL]

    monkeypatch.setattr("infra.bundle.locked_wheels", download)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return done


def test_an_unchanged_bundle_is_taken_from_the_cache(
    imgctl: Imgctl, downloads: list[tuple[str, ...]]
) -> None:
    first = imgctl("package", "--json", "-o", "one.zip").succeeded().document
    second = imgctl("package", "--json", "-o", "two.zip").succeeded().document
    assert {**second, "path": "one.zip"} == first
    assert Path("one.zip").read_bytes() == Path("two.zip").read_bytes()
    assert downloads == [Architecture.ARM64.wheel_platforms]


def test_no_cache_builds_anew_and_keeps_nothing(
    imgctl: Imgctl, downloads: list[tuple[str, ...]]
) -> None:
    imgctl("package", "--no-cache", "-o", "one.zip").succeeded()
    assert not user_cache().folder.exists()
    imgctl("package", "-o", "one.zip").succeeded()
    imgctl("package", "--no-cache", "-o", "two.zip").succeeded()
    assert Path("one.zip").read_bytes() == Path("two.zip").read_bytes()
    assert len(downloads) == 3


def test_the_file_is_the_users_and_not_the_caches(
    imgctl: Imgctl, downloads: list[tuple[str, ...]]
) -> None:
    """Somebody who changes the file that was written does not change the next one."""
    for name in ("one.zip", "two.zip"):
        imgctl("package", "-o", name).succeeded()
        Path(name).chmod(0o600)
        Path(name).write_bytes(b"changed")
    imgctl("package", "-o", "three.zip").succeeded()
    assert Path("three.zip").stat().st_size > 1000
    assert len(downloads) == 1


@pytest.mark.usefixtures("downloads")
def test_what_identifies_the_bundle_and_what_it_contains_is_printed(imgctl: Imgctl) -> None:
    printed = imgctl("package", "-o", "function.zip").succeeded().out
    document = imgctl("package", "--json", "-o", "function.zip").succeeded().document
    assert f"contains\timgctl {__version__}, pillow 99.0\n" in printed
    assert f"sources\t{document['sources']}\narchitecture\tarm64\n" in printed
    assert (document["imgctl"], document["packages"]) == (__version__, {"pillow": "99.0"})
