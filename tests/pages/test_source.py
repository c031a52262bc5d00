"""The built page belongs to its source, and the source to the project. Needs no Node.js."""

import hashlib
import json
import re
from pathlib import Path

import imgctl.pages
from imgctl.core.record import ATTRIBUTE_NAMES
from imgctl.pages.failures import failure_meanings

PAGES = Path(str(imgctl.pages.__file__)).parent
WEB = PAGES / "web"
SOURCES = sorted((WEB / "src").iterdir())
ROOT = PAGES.parents[1]


def source_digest() -> str:
    """As `sourceDigest` in build.mjs."""
    names = [
        "../failures.json",
        "build.mjs",
        "mit.txt",
        "package-lock.json",
        "package.json",
        "tsconfig.json",
    ]
    names += [f"src/{path.name}" for path in SOURCES]
    digest = hashlib.sha256()
    for name in sorted(names):
        digest.update(name.encode() + b"\0" + (WEB / name).read_bytes() + b"\0")
    return digest.hexdigest()


def test_the_built_page_is_as_new_as_its_source() -> None:
    page = (PAGES / "page.html").read_text(encoding="utf-8")
    assert f'content="{source_digest()}"' in page, "Run `make page`."


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((WEB / "package-lock.json").read_text())
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]


def test_each_library_in_the_page_has_its_license_next_to_it() -> None:
    lock = json.loads((WEB / "package-lock.json").read_text())["packages"]
    licenses = (PAGES / "LICENSES.txt").read_text()
    built_in = {
        name.removeprefix("node_modules/"): package["version"]
        for name, package in lock.items()
        if name and not package.get("dev")
    }
    assert built_in
    for name, version in built_in.items():
        assert f"\n{name} {version}\n" in licenses


def test_the_source_never_parses_markup() -> None:
    parsers = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\("
    )
    assert not [path.name for path in SOURCES if parsers.search(path.read_text(encoding="utf-8"))]


def test_every_field_of_a_record_has_a_meaning() -> None:
    fields = json.loads((WEB / "src" / "fields.json").read_text())
    assert tuple(field["name"] for field in fields) == ATTRIBUTE_NAMES
    assert all(field["meaning"] for field in fields)


def test_every_failure_code_of_the_documentation_has_a_meaning() -> None:
    page = (ROOT / "docs" / "reference" / "records.md").read_text(encoding="utf-8")
    section = page.partition("## Failure codes\n")[2].partition("\n## ")[0]
    codes = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    meanings = failure_meanings()
    assert codes
    assert list(meanings) == codes
