"""What the site is built from: the pages of docs/, and a navigation that follows their contents."""

import json
import re
from pathlib import Path

_TARGET = re.compile(r"(?<=\]\()[^)\s]+(?=\))")
_ITEM = re.compile(r"(?:[-*]|\d+\.) +(?=\S)")
_CODE_IN_TABLE = re.compile(r"`[^`\n]*\\\|[^`\n]*`")
_PAGE = re.compile(r"\]\((?P<path>[\w/.-]+\.md)(?:#[^)]*)?\)")


def stage(docs: Path, folder: Path, repository_url: str) -> None:
    """Copy the pages in the Markdown of the site.

    Links to files outside `docs` lead to those at `repository_url`.
    """
    for source in sorted(path for path in docs.rglob("*") if path.is_file()):
        copy = folder / source.relative_to(docs)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".md":
            text = source.read_text(encoding="utf-8")
            text = with_outside_links(text, source, docs, repository_url)
            copy.write_text(for_python_markdown(text), "utf-8")
        else:
            copy.write_bytes(source.read_bytes())


def with_outside_links(text: str, page: Path, docs: Path, repository_url: str) -> str:
    """Return the text of a page with absolute links to what is not part of the site."""

    def replaced(match: re.Match[str]) -> str:
        target = match[0]
        path = (page.parent / target).resolve()
        if re.match(r"[a-z]+:|#", target) or path.is_relative_to(docs):
            return target
        return f"{repository_url}/{path.relative_to(docs.parent).as_posix()}"

    return _TARGET.sub(replaced, text)


def for_python_markdown(text: str) -> str:
    """Return a page as Python-Markdown needs it, which differs from GitHub's Markdown.

    What belongs to an item of a list is indented by 4, and `|` is not escaped in code.
    """
    lines = []
    width = 0  # of the marker of the item that a line may belong to
    is_code = False
    for line in _CODE_IN_TABLE.sub(lambda m: m[0].replace(r"\|", "|"), text).split("\n"):
        indent = len(line) - len(line.lstrip())
        if line.startswith("```"):
            is_code = not is_code
        elif item := None if is_code else _ITEM.match(line):
            width = len(item[0])
        elif line and indent < width:
            width = 0
        lines.append(" " * (4 - width) + line if width and indent >= width else line)
    return "\n".join(lines)


def navigation(contents: str) -> dict[str, list[str]]:
    """Return the pages of each section of a table of contents, which each heading begins.

    The pages that only the text before the first heading names are in the last one, `More`.
    """
    preface, *sections = re.split(r"^## ", contents, flags=re.MULTILINE)
    pages: dict[str, list[str]] = {}
    seen: set[str] = set()
    for section in (*sections, f"More\n{preface}"):
        title, _, text = section.partition("\n")
        found = dict.fromkeys(match["path"] for match in _PAGE.finditer(text))
        pages[title] = [path for path in found if path not in seen]
        seen.update(found)
    return pages


def navigation_toml(pages: dict[str, list[str]]) -> str:
    """Return the navigation as Zensical's settings have it; each page has its heading's title."""
    entries = [("Home", '"README.md"'), *((title, json.dumps(p)) for title, p in pages.items())]
    return "".join(f"[[project.nav]]\n{json.dumps(title)} = {value}\n" for title, value in entries)
