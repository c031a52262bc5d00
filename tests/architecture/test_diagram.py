"""The architecture page shows the packages' real imports, in its diagram and in its table."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "explanation" / "architecture.md").read_text(encoding="utf-8")
PACKAGES = {path.parent.name for path in (ROOT / "imgctl").glob("*/__init__.py")} | {"infra"}

Arrows = set[tuple[str, str]]


def test_the_diagram_has_an_arrow_for_each_package_that_another_imports() -> None:
    (diagram,) = re.findall(r"^```mermaid\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    arrows = re.findall(r"^ *(\w+) --> (\w+)$", diagram, re.MULTILINE)
    assert len(arrows) == len(set(arrows)) == diagram.count("\n") - 1
    to_core = {(package, "core") for package in PACKAGES - {"core"}}  # left out of the diagram
    assert set(arrows) | to_core == imports()


def test_no_package_imports_one_that_the_table_does_not_name() -> None:
    rows = re.findall(r"^\| `(?:imgctl/)?(\w+)` \|.*\| (.+) \|$", PAGE, re.MULTILINE)
    named = {package: set(re.findall(r"`(\w+)`", cell)) for package, cell in rows}
    allowed = {
        (package, other)
        for package, others in named.items()
        for other in (PACKAGES - others if package == "cli" else others)  # everything but ...
    }
    assert named.keys() >= PACKAGES
    assert imports() - allowed == set()


@cache
def imports() -> Arrows:
    """List which package imports which, also inside functions and for types only."""
    graph = grimp.build_graph("imgctl", "infra", cache_dir=None)
    return {
        (package, other)
        for module in graph.modules
        for package in _package(module)
        for imported in graph.find_modules_directly_imported_by(module)
        for other in _package(imported)
        if package != other
    }


def _package(module: str) -> Iterator[str]:
    """Yield the package of a module, unless it lies beside the packages of imgctl."""
    names = module.removeprefix("imgctl.").split(".")
    if names[0] in PACKAGES:
        yield names[0]
