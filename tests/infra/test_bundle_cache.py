import os
import secrets
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from infra.bundle_cache import KEPT_ENTRIES, BundleCache, user_cache

INPUTS = sha256(b"inputs").hexdigest()
OTHER = sha256(b"other inputs").hexdigest()
ZIP = b"a zip file" * 1000


@pytest.fixture
def cache(tmp_path: Path) -> BundleCache:
    """A cache with one entry."""
    cache = BundleCache(tmp_path / "of imgctl" / "bundles")
    cache.store(INPUTS, ZIP)
    return cache


def entry_of(cache: BundleCache) -> Path:
    (path,) = cache.folder.iterdir()
    return path


def test_what_was_stored_is_found_by_its_inputs(cache: BundleCache) -> None:
    assert cache.find(INPUTS) == ZIP
    assert cache.find(OTHER) is None


def test_an_empty_cache_has_nothing_and_is_not_created(tmp_path: Path) -> None:
    assert BundleCache(tmp_path / "missing").find(INPUTS) is None
    assert not (tmp_path / "missing").exists()


def test_the_folder_and_its_entries_are_private(cache: BundleCache) -> None:
    modes = [path.stat().st_mode & 0o777 for path in (cache.folder, entry_of(cache))]
    assert modes == [0o700, 0o600]


@pytest.mark.parametrize("damaged", [b"", ZIP[:-1], ZIP + b"x", b"A" + ZIP[1:]])
def test_a_damaged_entry_is_not_used_and_is_replaced(cache: BundleCache, damaged: bytes) -> None:
    entry_of(cache).write_bytes(damaged)
    assert cache.find(INPUTS) is None
    cache.store(INPUTS, ZIP)
    assert cache.find(INPUTS) == ZIP
    entry_of(cache)


def test_an_entry_under_the_name_of_other_inputs_is_not_used(cache: BundleCache) -> None:
    entry = entry_of(cache)
    entry.rename(entry.with_name(f"{OTHER}-{'0' * 64}.zip"))
    assert cache.find(OTHER) is None


@pytest.mark.parametrize("permissions", [0o777, 0o770, 0o720, 0o702, 0o1777])
def test_a_folder_that_others_can_write_to_is_not_used(
    cache: BundleCache, permissions: int
) -> None:
    cache.folder.chmod(permissions)
    assert cache.find(INPUTS) is None
    cache.store(OTHER, ZIP)
    entry_of(cache)  # still the only one


@pytest.mark.parametrize("permissions", [0o666, 0o660, 0o602])
def test_an_entry_that_others_can_write_to_is_not_used(
    cache: BundleCache, permissions: int
) -> None:
    entry_of(cache).chmod(permissions)
    assert cache.find(INPUTS) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("is_folder", [True, False])
def test_what_belongs_to_another_user_is_not_used(cache: BundleCache, *, is_folder: bool) -> None:
    os.chown(cache.folder if is_folder else entry_of(cache), 12345, 12345)
    assert cache.find(INPUTS) is None


def test_nothing_of_another_user_is_used(
    cache: BundleCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As above, without root: this process seems to be somebody else's."""
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert cache.find(INPUTS) is None
    cache.store(OTHER, ZIP)
    entry_of(cache)


def test_links_pipes_and_folders_in_place_of_an_entry_are_not_used(
    cache: BundleCache, tmp_path: Path
) -> None:
    entry = entry_of(cache)
    entry.rename(tmp_path / "elsewhere.zip")
    entry.symlink_to(tmp_path / "elsewhere.zip")
    assert cache.find(INPUTS) is None
    entry.unlink()
    os.mkfifo(entry)
    assert cache.find(INPUTS) is None
    entry.unlink()
    entry.mkdir()
    assert cache.find(INPUTS) is None
    cache.store(INPUTS, ZIP)  # fails quietly
    assert cache.find(INPUTS) is None


def test_a_link_in_place_of_the_folder_is_not_followed(cache: BundleCache, tmp_path: Path) -> None:
    cache.folder.rename(tmp_path / "elsewhere")
    cache.folder.symlink_to(tmp_path / "elsewhere")
    assert cache.find(INPUTS) is None


def test_a_file_in_place_of_the_folder_fails_quietly(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "bundles"):
        cache = BundleCache(folder)
        cache.store(INPUTS, ZIP)
        assert cache.find(INPUTS) is None


def test_without_a_home_nothing_is_stored() -> None:
    BundleCache(Path("~/.cache/imgctl")).store(INPUTS, ZIP)
    assert not Path("~").exists()


@pytest.mark.parametrize(
    ("variable", "expected"),
    [(None, ".cache"), ("relative", ".cache"), ("{home}/elsewhere", "elsewhere")],
)
def test_the_cache_is_in_the_users_cache_folder(
    variable: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    if variable is not None:
        monkeypatch.setenv("XDG_CACHE_HOME", variable.format(home=Path.home()))
    assert user_cache().folder == Path.home() / expected / "imgctl" / "bundles"


def test_only_the_newest_entries_are_kept(cache: BundleCache) -> None:
    inputs = [INPUTS, *(secrets.token_hex(32) for _ in range(KEPT_ENTRIES))]
    for age, digest in enumerate(inputs):
        cache.store(digest, ZIP)
        (path,) = cache.folder.glob(f"{digest}-*")
        os.utime(path, ns=(age, age))
    assert [digest for digest in inputs if cache.find(digest)] == inputs[1:]


def test_a_used_entry_counts_as_new(cache: BundleCache) -> None:
    inputs = [INPUTS, *(secrets.token_hex(32) for _ in range(KEPT_ENTRIES - 1))]
    for age, digest in enumerate(inputs):
        cache.store(digest, ZIP)
        (path,) = cache.folder.glob(f"{digest}-*")
        os.utime(path, ns=(age, age))
    assert cache.find(INPUTS) == ZIP
    cache.store(OTHER, ZIP)
    assert cache.find(INPUTS) == ZIP
    assert cache.find(inputs[1]) is None


# Stores and finds in turn, with more inputs than are kept; fails if wrong bytes are found.
_USE = """
import sys
from hashlib import sha256
from pathlib import Path

from infra.bundle_cache import KEPT_ENTRIES, BundleCache

cache, seed = BundleCache(Path(sys.argv[1])), int(sys.argv[2])
for turn in range(40):
    number = (turn * seed) % (2 * KEPT_ENTRIES)
    digest, data = sha256(bytes([number])).hexdigest(), bytes([number]) * 100_000
    assert cache.find(digest) in (None, data)
    cache.store(digest, data)
"""


def test_several_processes_use_one_cache_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "bundles"
    processes = [
        subprocess.Popen([sys.executable, "-c", _USE, folder, seed]) for seed in ("1", "3", "5")
    ]
    assert [process.wait(timeout=60) for process in processes] == [0, 0, 0]
    assert 0 < len(list(folder.iterdir())) <= KEPT_ENTRIES
