from pathlib import Path

import pytest

from tests.docs_site.built_pages import problems
from tests.docs_site.pages import (
    for_python_markdown,
    navigation,
    navigation_toml,
    stage,
    with_outside_links,
)

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def test_the_navigation_has_every_page_once() -> None:
    sections = navigation((DOCS / "README.md").read_text(encoding="utf-8"))
    pages = [page for section in sections.values() for page in section]
    expected = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")} - {"README.md"}
    assert sorted(pages) == sorted(expected)


def test_the_navigation_follows_the_headings_of_the_contents() -> None:
    contents = """# Docs
See the [glossary](glossary.md) and the [tutorial](tutorial.md).
## Tutorial
- [Your first](tutorial.md#part-2): ten minutes
## How "to"
- [A](how-to/a.md), [of b](b.md), [A again](how-to/a.md)
"""
    sections = navigation(contents)
    assert sections == {
        "Tutorial": ["tutorial.md"],
        'How "to"': ["how-to/a.md", "b.md"],
        "More": ["glossary.md"],
    }
    assert '"How \\"to\\"" = ["how-to/a.md", "b.md"]\n' in navigation_toml(sections)


def test_only_links_to_what_is_not_in_the_site_become_absolute() -> None:
    text = "[a](../b.md#c) [d](#e) [f](https://g) [h](../../infra/stack.yaml)"
    page = DOCS / "how-to" / "x.md"
    assert with_outside_links(text, page, DOCS, "https://host/main") == (
        "[a](../b.md#c) [d](#e) [f](https://g) [h](https://host/main/infra/stack.yaml)"
    )


def test_what_belongs_to_an_item_of_a_list_is_indented_by_4() -> None:
    text = "1. One\n\n   ```sh\n   - x\n   ```\n\n2. Two\n   - a\nEnd\n   b\n- c\n  d\n"
    assert for_python_markdown(text) == (
        "1. One\n\n    ```sh\n    - x\n    ```\n\n2. Two\n    - a\nEnd\n   b\n- c\n    d\n"
    )


def test_code_is_left_as_it_is() -> None:
    text = "```\n- a\n  b\n```\n  c\n"
    assert for_python_markdown(text) == text
    assert for_python_markdown(r"| `[a\|b]` | c\|d |") == r"| `[a|b]` | c\|d |"


def test_pictures_are_copied_as_they_are(tmp_path: Path) -> None:
    stage(DOCS, tmp_path, "https://host")
    for path in (DOCS / "images").iterdir():
        assert (tmp_path / "images" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("html", "problem"),
    [
        ('<script src="https://unpkg.com/x.js"></script>', "loads https://unpkg.com/x.js"),
        ('<link rel="stylesheet" href="//fonts.net/a.css">', "loads //fonts.net/a.css"),
        ('<img src="http://host/a.png">', "loads http://host/a.png"),
        ('<a href="b.html">b</a>', "links to b.html"),
        ('<a href="#nowhere">b</a>', "links to #nowhere"),
        ("<p>```sh</p>", "shows '```'"),
        ("<p>[a](b.md)</p>", "shows ']('"),
        ('<pre class="mermaid">a --> b</pre>', "loads Mermaid"),
        ("<style>@import url(https://fonts.net/a.css)</style>", "loads something"),
    ],
)
def test_a_problem_of_a_built_page_is_found(html: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(html)
    (found,) = problems(tmp_path)
    assert problem in found


def test_a_page_that_is_complete_has_no_problem(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<link rel="icon" href="./i.png"><h1 id="x"></h1><a href="#x">x</a><a href="https://x">y</a>'
        '<a href="/b.html">b</a><code>```</code><a href="b.html#y">z</a>'
    )
    (tmp_path / "b.html").write_text('<h2 id="y">y</h2>')
    assert list(problems(tmp_path)) == []
