"""The package index is the one that pip or uv would ask; nothing else of their settings counts."""

import os
from pathlib import Path

import pytest

from infra.index_access import DEFAULT_INDEX, IndexAccess, index_access, pip_files, pip_settings

ONE, TWO, THREE = (f"https://{name}.example/simple" for name in ("one", "two", "three"))


@pytest.mark.parametrize(
    ("variables", "settings", "indexes"),
    [
        ({}, {}, [DEFAULT_INDEX]),
        ({"PIP_NO_INDEX": "1", "PIP_INDEX_URL": ""}, {"no-index": "1"}, [DEFAULT_INDEX]),
        ({"PIP_INDEX_URL": f"{ONE}/", "UV_DEFAULT_INDEX": TWO}, {"index-url": THREE}, [ONE]),
        ({"UV_DEFAULT_INDEX": f"corp={ONE}", "UV_INDEX_URL": TWO}, {}, [ONE]),
        ({"UV_INDEX_URL": ONE}, {"index-url": THREE}, [ONE]),
        ({}, {"index-url": THREE}, [THREE]),
        (
            {"PIP_EXTRA_INDEX_URL": f"{ONE} {TWO}", "UV_INDEX": f"a={TWO}"},
            {"index-url": THREE, "extra-index-url": f"\n{ONE}\n{DEFAULT_INDEX}"},
            [THREE, TWO, ONE, DEFAULT_INDEX],
        ),
    ],
)
def test_the_index_is_the_one_of_pip_or_uv(
    variables: dict[str, str], settings: dict[str, str], indexes: list[str]
) -> None:
    assert index_access(variables, settings) == IndexAccess(tuple(indexes))


def test_a_query_of_an_index_is_no_name() -> None:
    url = "https://user:a=b@one.example/simple?x=y"
    assert index_access({"PIP_INDEX_URL": url}, {}).indexes == (url,)


def test_proxy_and_ca_bundles_are_those_of_pip_and_of_the_environment(tmp_path: Path) -> None:
    variables = {"HOME": str(tmp_path), "AWS_CA_BUNDLE": "/ca/aws.pem", "PIP_CERT": "/ca/pip.pem"}
    access = index_access(variables, {"proxy": "http://proxy:3128", "cert": "~nobody-here/x.pem"})
    assert access.proxy == "http://proxy:3128"
    assert access.ca_files == ("/ca/pip.pem", "/ca/aws.pem", "~nobody-here/x.pem")


def test_a_later_file_of_pip_overrides_an_earlier_one(tmp_path: Path) -> None:
    one, two = tmp_path / "one.conf", tmp_path / "two.conf"
    one.write_text(
        f"[global]\nindex-url = {ONE}\ncert = /x%(y)s.pem\n[install]\nproxy = http://p\n"
    )
    two.write_text(f"[download]\nindex-url = {THREE}\n[global]\nindex_url = {TWO}\n")
    settings = pip_settings([tmp_path / "missing", one, two])
    assert settings == {"index-url": TWO, "cert": "/x%(y)s.pem", "proxy": "http://p"}


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00", b"no section", b"[global]\nx = 1\nx = 2", b"[global\n", b"\x00"]
)
def test_a_file_that_pip_could_not_read_sets_nothing(tmp_path: Path, content: bytes) -> None:
    broken, usable = tmp_path / "broken.conf", tmp_path / "usable.conf"
    broken.write_bytes(content)
    usable.write_text(f"[global]\nindex-url = {ONE}\n")
    assert pip_settings([broken, usable, tmp_path]) == {"index-url": ONE}


def test_the_files_are_those_of_pip_from_the_least_to_the_most_specific(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("infra.index_access.sys.prefix", "/venv")
    files = pip_files({})
    home, names = Path.home(), [str(file) for file in files]
    assert names.index("/etc/pip.conf") < names.index(str(home / ".config" / "pip" / "pip.conf"))
    assert names[-1] == "/venv/pip.conf"
    assert pip_files({"PIP_CONFIG_FILE": "/named"}) == [*files, Path("/named")]
    assert pip_files({"PIP_CONFIG_FILE": os.devnull}) == []


def test_without_a_home_no_file_of_the_working_folder_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", "~")
    monkeypatch.setenv("XDG_CONFIG_HOME", "")
    assert all(file.is_absolute() for file in pip_files({}))
