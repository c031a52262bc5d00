"""What is wrong with the pages of a built site."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

_LOADED = {"src", "srcset", "data", "poster", "action"}
_ELSEWHERE = re.compile(r"(https?:)?//")

_STYLE_FROM_ELSEWHERE = re.compile(r"""(?:url\(|@import)\s*["']?(?:https?:)?//""")


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.classes: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.text: list[str] = []
        self._outer: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        self.classes |= set(values.get("class", "").split())
        self.loaded += [value for name, value in values.items() if name in _LOADED]
        if tag == "link" and values.get("rel") != "canonical":
            self.loaded.append(values.get("href", ""))
        if tag == "a":
            self.links.append(values.get("href", ""))
        if tag in ("code", "pre", "script", "style"):
            self._outer.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._outer and self._outer[-1] == tag:
            self._outer.pop()

    def handle_data(self, data: str) -> None:
        if not self._outer:
            self.text.append(data)


def problems(site: Path) -> Iterator[str]:
    """List requests to other servers, links that lead nowhere, and Markdown left as text."""
    pages = {path: _parsed(path) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        name = path.relative_to(site).as_posix()
        for url in page.loaded:
            if _ELSEWHERE.match(url):
                yield f"{name} loads {url}"
        for url in page.links:
            if re.match(r"[a-z]+:", url) or _ELSEWHERE.match(url):
                continue
            file, _, anchor = url.partition("#")
            # Those of 404.html are absolute, because it is shown at any address.
            above = site if file.startswith("/") else path.parent
            target = (above / file.lstrip("/")).resolve() if file else path
            if not target.exists() or (anchor and anchor not in _anchors(pages, target)):
                yield f"{name} links to {url}, which is not there"
        if "mermaid" in page.classes:
            yield f"{name} loads Mermaid"  # Zensical's script does, from another server
        text = "".join(page.text)
        yield from (f"{name} shows {mark!r}" for mark in ("```", "](", "|---") if mark in text)
    for path in sorted((*pages, *site.rglob("*.css"))):
        if _STYLE_FROM_ELSEWHERE.search(path.read_text(encoding="utf-8")):
            yield f"{path.relative_to(site)} loads something from another server"


def _anchors(pages: dict[Path, _Page], path: Path) -> set[str]:
    return pages[path].anchors if path in pages else set()


def _parsed(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page
