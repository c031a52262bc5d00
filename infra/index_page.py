"""The files that a package index lists for a project, in JSON (PEP 691) or in HTML (PEP 503)."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from infra.wheels import LockedPackage

MEDIA_TYPES = "application/vnd.pypi.simple.v1+json, text/html;q=0.1"
"""What to accept, as an HTTP header."""

_HASH = "sha256="


@dataclass(frozen=True, slots=True)
class Link:
    """A file that an index offers; `sha256` is in hexadecimal, and empty if it does not tell."""

    filename: str
    url: str
    sha256: str


def links(page: bytes, page_url: str) -> list[Link]:
    """Return the files that a page lists; none if it is no such page.

    A page of the network cannot name files of this machine.
    """
    found = []
    for target, sha256 in _targets_in_json(page) or _targets_in_html(page):
        with suppress(ValueError):  # no URL
            url = urlsplit(urljoin(page_url, target))
            if url.scheme != "file" or urlsplit(page_url).scheme == "file":
                filename = unquote(url.path).rpartition("/")[2]
                found.append(Link(filename, url.geturl(), sha256.lower()))
    return found


def best_link(
    offered: Sequence[Link], package: LockedPackage, platforms: Sequence[str]
) -> Link | None:
    """Return the package's best wheel, of those that have a locked hash or do not tell it."""
    ranked = [
        ((not link.sha256, rank, link.filename), link)
        for link in offered
        if (not link.sha256 or link.sha256 in package.hashes)
        and (rank := package.preference(link.filename, platforms)) is not None
    ]
    return min(ranked, key=lambda item: item[0])[1] if ranked else None


def _targets_in_json(page: bytes) -> list[tuple[str, str]]:
    """Return the URLs with their hashes; none if the page is not in JSON."""
    try:
        files = json.loads(page)["files"]
        return [(str(file["url"]), str(file["hashes"].get("sha256", ""))) for file in files]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return []


def _targets_in_html(page: bytes) -> list[tuple[str, str]]:
    parser = _Anchors()
    parser.feed(page.decode(errors="replace"))
    targets = []
    for target in parser.targets:
        with suppress(ValueError):
            url, fragment = urldefrag(target)
            is_hash = fragment.startswith(_HASH)
            targets.append((url, fragment.removeprefix(_HASH) if is_hash else ""))
    return targets


class _Anchors(HTMLParser):
    """Collects the targets of a page's links."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.targets += [value for name, value in attrs if name == "href" and value]
