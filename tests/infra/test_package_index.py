"""Wheels are downloaded from an index on this machine, without pip, and trusted for their hash."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.bundle import Architecture
from infra.errors import BundleError
from infra.index_access import IndexAccess
from infra.package_index import PackageIndexes
from infra.wheels import locked_packages
from tests.infra.package_server import (
    ARM_NAME,
    ARM_WHEEL,
    X86_NAME,
    X86_WHEEL,
    Index,
    lock,
    running_index,
    sha256,
    wheel,
)

ARM, X86 = (architecture.wheel_platforms for architecture in Architecture)
(PILLOW,) = locked_packages(lock(ARM_WHEEL, X86_WHEEL))


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "netrc"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def index() -> Iterator[Index]:
    with running_index() as index:
        yield index


@pytest.fixture
def other() -> Iterator[Index]:
    with running_index() as index:
        yield index


class Downloads:
    """Downloads of the ARM wheel, and the pauses before attempts."""

    def __init__(self, *indexes: str, **access: object) -> None:
        self.pauses_s: list[float] = []
        self.indexes = PackageIndexes(
            IndexAccess(indexes, **access),  # type: ignore[arg-type]
            self.pauses_s.append,
        )

    def get(self) -> bytes:
        return self.indexes.download(PILLOW, ARM)

    def failure(self) -> BundleError:
        with pytest.raises(BundleError) as raised:
            self.get()
        return raised.value


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "html"])
@pytest.mark.parametrize("with_hashes", [True, False], ids=["hashes", "no hashes"])
def test_the_locked_wheel_of_each_architecture_is_downloaded(
    index: Index, *, as_json: bool, with_hashes: bool
) -> None:
    index.as_json, index.with_hashes = as_json, with_hashes
    indexes = PackageIndexes(IndexAccess((f"{index.url}/simple",)))
    assert indexes.download(PILLOW, ARM) == ARM_WHEEL
    assert indexes.download(PILLOW, X86) == X86_WHEEL
    page, files = "/simple/pillow/", "/files/"
    assert index.paths == [page, files + ARM_NAME, page, files + X86_NAME]


def test_an_index_in_a_folder_needs_no_server(tmp_path: Path) -> None:
    folder = tmp_path / "a mirror" / "simple" / "pillow"
    folder.mkdir(parents=True)
    (folder / ARM_NAME).write_bytes(ARM_WHEEL)
    (folder / "index.html").write_text(f'<a href="{ARM_NAME}">')
    assert Downloads(folder.parent.as_uri()).get() == ARM_WHEEL


def test_a_wheel_with_another_hash_is_rejected(index: Index) -> None:
    index.with_hashes = False
    index.files[ARM_NAME] = wheel(b"malicious")
    error = Downloads(f"{index.url}/simple").failure()
    assert f"sent {ARM_NAME} with another SHA-256 than the locked one" in error.message


def test_a_wheel_that_the_index_gives_the_locked_hash_is_checked_all_the_same(index: Index) -> None:
    page = index.listing()
    index.page = page
    index.files[ARM_NAME] = wheel(b"malicious")
    assert "another SHA-256" in Downloads(f"{index.url}/simple").failure().message


def test_a_wheel_under_another_hash_is_not_even_downloaded(index: Index) -> None:
    index.files[ARM_NAME] = wheel(b"another build")
    error = Downloads(f"{index.url}/simple").failure()
    assert (
        "has no wheel of pillow 99.0 with a locked hash for manylinux2014_aarch64" in error.message
    )
    assert index.paths == ["/simple/pillow/"]


@pytest.mark.parametrize(
    ("statuses", "message", "hint"),
    [
        ([401], "HTTP 401 Unauthorized", "~/.netrc"),
        ([403], "HTTP 403 Forbidden", "~/.netrc"),
        ([404], "HTTP 404 Not Found", "PIP_INDEX_URL"),
        ([503] * 3, "HTTP 503 Service Unavailable", "can be reached"),
    ],
)
def test_a_refusal_is_one_sentence_with_what_to_do(
    index: Index, statuses: list[int], message: str, hint: str
) -> None:
    index.statuses = list(statuses)
    downloads = Downloads(f"{index.url}/simple")
    error = downloads.failure()
    expected = f"pillow 99.0 could not be downloaded from {index.url}/simple: {message}."
    assert error.message == expected
    assert hint in error.hint
    assert len(index.requests) == len(statuses) == len(downloads.pauses_s) + 1


def test_an_index_that_is_down_is_tried_three_times() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    downloads = Downloads(url)
    assert "Connection refused" in downloads.failure().message
    assert len(downloads.pauses_s) == 2


def test_a_temporary_failure_is_retried(index: Index) -> None:
    index.statuses, index.lost_bytes = [503], [10]
    downloads = Downloads(f"{index.url}/simple")
    assert downloads.get() == ARM_WHEEL
    assert len(downloads.pauses_s) == 2


def test_a_download_that_is_always_truncated_is_reported_as_such(index: Index) -> None:
    index.lost_bytes = [10] * 3
    message = Downloads(f"{index.url}/simple").failure().message
    size = len(ARM_WHEEL)
    assert f"the connection ended after {size - 10:,} of {size:,} bytes" in message


@pytest.mark.parametrize(
    "page",
    [b"", b"\xff\xfe", b"<html>Sign in", b"[1]", b'{"files": [1]}', b'{"files": []}', b"[" * 99999],
)
def test_a_page_that_lists_nothing_is_no_index_page(index: Index, page: bytes) -> None:
    index.page = page
    assert "has no wheel of pillow 99.0" in Downloads(f"{index.url}/simple").failure().message


@pytest.mark.parametrize(
    "url", ["pypi.org/simple", "ftp://host/simple", "http://[bad/simple", "http://h:x"]
)
def test_something_that_is_no_url_is_one_error(url: str) -> None:
    assert url in Downloads(url).failure().message


def test_a_page_cannot_make_imgctl_read_files_of_this_machine(index: Index, tmp_path: Path) -> None:
    (tmp_path / ARM_NAME).write_bytes(ARM_WHEEL)
    index.page = f'<a href="{(tmp_path / ARM_NAME).as_uri()}">'.encode()
    assert "has no wheel" in Downloads(f"{index.url}/simple").failure().message


def test_the_next_index_is_asked_if_one_has_no_such_wheel(index: Index, other: Index) -> None:
    index.files.clear()
    assert Downloads(f"{index.url}/simple", f"{other.url}/simple").get() == ARM_WHEEL
    index.statuses, other.statuses = [403], [404]
    message = Downloads(f"{index.url}/simple", f"{other.url}/simple").failure().message
    assert f"{index.url}/simple: HTTP 403" in message
    assert f"{other.url}/simple: HTTP 404" in message


def test_credentials_in_the_url_are_sent_only_to_the_index_and_never_shown(
    index: Index, other: Index
) -> None:
    index.password, index.redirect_files_to = "p@ss/word", other.url
    url = f"{index.url}/simple".replace("//", "//user:p%40ss%2Fword@")
    assert Downloads(url).get() == ARM_WHEEL
    assert [headers["Authorization"] for _, headers in index.requests]
    assert ["Authorization" in headers for _, headers in other.requests] == [False]
    index.password = "another"
    assert "p%40ss" not in repr(Downloads(url).failure())


def test_credentials_of_the_netrc_file_are_used(index: Index, tmp_path: Path) -> None:
    index.password = "secret"
    netrc = tmp_path / "home" / ".netrc"
    netrc.write_text("machine 127.0.0.1 login user password secret\n")
    netrc.chmod(0o600)
    assert Downloads(f"{index.url}/simple").get() == ARM_WHEEL
    netrc.write_text("no netrc")
    assert "HTTP 401" in Downloads(f"{index.url}/simple").failure().message


@pytest.mark.parametrize("is_variable", [True, False])
def test_a_proxy_is_used(
    index: Index, monkeypatch: pytest.MonkeyPatch, *, is_variable: bool
) -> None:
    """The index itself plays the proxy of another host."""
    index.page = b"".join([b'<a href="', f"/files/{ARM_NAME}".encode(), b'">'])
    url = "http://index.invalid"
    index.url, proxy = url, index.url
    if is_variable:
        monkeypatch.setenv("HTTP_PROXY", proxy)
        monkeypatch.setenv("http_proxy", proxy)
    downloads = Downloads(f"{url}/simple", proxy=None if is_variable else proxy)
    assert downloads.get() == ARM_WHEEL
    assert index.paths == [f"{url}/simple/pillow/", f"{url}/files/{ARM_NAME}"]


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_ca_bundle_that_cannot_be_used_is_named(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.pem"
    if content:
        file.write_text(content)
    error = Downloads("https://127.0.0.1:1/simple", ca_files=(str(file),)).failure()
    assert f"The CA bundle {file} cannot be used" in error.message
    assert "PIP_CERT" in error.hint


def test_pip_is_neither_imported_nor_run() -> None:
    probe = "import sys, infra.bundle; print('pip' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_hash_in_a_lock_file_is_that_of_the_wheel() -> None:
    assert PILLOW.hashes == {sha256(ARM_WHEEL), sha256(X86_WHEEL)}
