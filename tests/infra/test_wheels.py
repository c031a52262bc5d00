"""Which wheels of a release Lambda can load, and which of them it gets."""

from importlib.resources import files

import pytest

from infra.bundle import Architecture
from infra.bundle_files import wheel_files
from infra.wheels import LockedPackage, locked_packages
from tests.infra.package_server import zipped

PLATFORMS = Architecture.ARM64.wheel_platforms
PACKAGE = LockedPackage("pi-heif", "1.4.0", frozenset())


@pytest.mark.parametrize(
    ("tags", "rank"),
    [
        ("cp312-cp312-manylinux2014_aarch64.manylinux_2_17_aarch64", (0, 0)),
        ("cp312-cp312-manylinux_2_26_aarch64.manylinux_2_28_aarch64", (0, 1)),
        ("1-cp312-cp312-manylinux2014_aarch64", (0, 0)),
        ("cp39-abi3-manylinux2014_aarch64", (1, 0)),
        ("py2.py3-none-any", (2, 2)),
        ("cp312-cp312-manylinux2014_x86_64", None),
        ("cp312-cp312-musllinux_1_2_aarch64", None),
        ("cp312-cp312-manylinux_2_39_aarch64", None),
        ("cp311-cp311-manylinux2014_aarch64", None),
        ("cp312-cp312t-manylinux2014_aarch64", None),
        ("cp313-abi3-manylinux2014_aarch64", None),
        ("pp310-pypy310_pp73-manylinux2014_aarch64", None),
        ("py2-none-any", None),
    ],
)
def test_the_rank_of_a_wheel_follows_from_its_tags(tags: str, rank: tuple[int, int] | None) -> None:
    assert PACKAGE.preference(f"pi_heif-1.4.0-{tags}.whl", PLATFORMS) == rank


@pytest.mark.parametrize(
    "filename",
    [
        "pi_heif-1.4.1-cp312-cp312-manylinux2014_aarch64.whl",
        "pillow-1.4.0-cp312-cp312-manylinux2014_aarch64.whl",
        "pi_heif-1.4.0.tar.gz",
        "pi_heif-1.4.0-cp312-cp312-manylinux2014_aarch64.whl.metadata",
        "",
    ],
)
def test_a_file_of_another_release_is_no_wheel_of_it(filename: str) -> None:
    assert PACKAGE.preference(filename, PLATFORMS) is None


def test_the_lock_file_pins_each_package_with_hashes() -> None:
    packages = locked_packages((files("infra") / "function-requirements.txt").read_bytes())
    assert [package.name for package in packages] == ["pi-heif", "pillow"]
    assert all(len(package.hashes) > 20 for package in packages)


@pytest.mark.parametrize("line", ["pillow", "pillow>=12", "pillow==12", "-r other.txt"])
def test_a_requirement_without_version_or_hash_is_rejected(line: str) -> None:
    with pytest.raises(ValueError, match="pinned"):
        locked_packages(line.encode())


def test_a_wheel_is_kept_under_what_it_was_chosen_by() -> None:
    keys = {
        PACKAGE.cache_key(PLATFORMS),
        PACKAGE.cache_key(Architecture.X86_64.wheel_platforms),
        LockedPackage("pi-heif", "1.4.0", frozenset({"ab" * 32})).cache_key(PLATFORMS),
        LockedPackage("pi-heif", "1.4.1", frozenset()).cache_key(PLATFORMS),
    }
    assert len(keys) == 4


def test_the_files_of_a_wheel_are_where_an_installation_puts_them() -> None:
    wheel = zipped(
        {
            "a/": b"",
            "a/__init__.py": b"",
            "a-1.data/purelib/b/__init__.py": b"",
            "a-1.data/platlib/c.so": b"",
            "a-1.data/scripts/a.py": b"",
            "a-1.dist-info/RECORD": b"",
        }
    )
    assert wheel_files(wheel).keys() == {"a/__init__.py", "b/__init__.py", "c.so"}
