"""What the program refers to exists where it is installed: a file of the wheel, or a URL."""

import ast
import re
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from imgctl import links
from infra.template import stack_template
from tests.packaging.installation import REPOSITORY

SOURCES = sorted(
    path.relative_to(REPOSITORY).as_posix()
    for package in ("imgctl", "infra")
    for path in (REPOSITORY / package).rglob("*.py")
)
_REPOSITORY_PATH = re.compile(
    r"(?<![\w./}-])(?:docs|tests|infra|imgctl|\.ci)/[\w./-]*\w"
    r"|(?<![\w./}-])(?:[A-Z]+\.md|Makefile|pyproject\.toml|requirements-\w+\.txt)"
)
DEVELOPERS_ONLY = {"imgctl/links.py"}  # the path of the documentation in a checkout


def literals(source: str) -> Iterator[str]:
    """Yield the string literals of a module, except its docstrings and bare strings."""
    tree = ast.parse(source)
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare:
            yield node.value


@pytest.fixture(scope="module")
def packaged(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.mark.parametrize(
    "module",
    [module for module in SOURCES if module not in DEVELOPERS_ONLY],
)
def test_no_text_refers_to_a_file_that_the_wheel_lacks(module: str, packaged: set[str]) -> None:
    texts = literals((REPOSITORY / module).read_text(encoding="utf-8"))
    paths = {path for text in texts for path in _REPOSITORY_PATH.findall(text)}
    folders = {name.rpartition("/")[0] for name in packaged}
    assert {path for path in paths if path not in packaged | folders} == set()


def test_the_template_refers_only_to_packaged_files(packaged: set[str]) -> None:
    lines = stack_template().splitlines()
    values = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    assert set(_REPOSITORY_PATH.findall(values)) <= packaged


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("see docs/recipes/customer-key.md", ["docs/recipes/customer-key.md"]),
        ("Read README.md and tests/infra/scan.py.", ["README.md", "tests/infra/scan.py"]),
        ("https://github.com/imgctl/imgctl/tree/main/docs/x.md", []),
        ("{docs}/recipes/customer-key.md", []),
        ("imgctl.toml", []),
    ],
)
def test_paths_are_recognized_in_texts(text: str, paths: list[str]) -> None:
    assert _REPOSITORY_PATH.findall(text) == paths


def test_without_metadata_the_documentation_is_a_folder_of_the_repository(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(_: str) -> None:
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(metadata, "metadata", missing)
    links.project_url.cache_clear()
    try:
        assert links.documentation() == "docs"
        assert (REPOSITORY / links.documentation("benchmarks.md")).is_file()
    finally:
        links.project_url.cache_clear()


def test_every_page_that_the_program_links_to_exists() -> None:
    pages = {
        page
        for module in SOURCES
        for page in re.findall(
            r"documentation\(['\"]([^'\"]+)", (REPOSITORY / module).read_text(encoding="utf-8")
        )
    }
    assert pages
    for page in pages:
        assert (REPOSITORY / "docs" / page).is_file(), page
