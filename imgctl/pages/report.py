"""The page with its data: a report in one file, or a live page that asks a server.

Records come from outside: their texts are data in JSON, which cannot end the element it stands in,
and the page never makes markup of them. A policy in the page forbids any script or style but its
own, and any connection.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import islice
from typing import Any, BinaryIO

from imgctl.core.record import Status, to_plain
from imgctl.pages.entries import Entry, thumbnails_document

SCHEMA = 1
"""The version of the data that the page reads."""

_CHUNK = 50  # entries of one element: the page parses the thumbnails of a chunk when it shows one
_DATA = "<!--data-->"
_POLICY = "<!--policy-->"
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportHeading:
    """What a page is about. Times are ISO 8601 in UTC; None where something was not restricted.

    `more` says that there are records beyond those in the report.
    """

    stack: str
    region: str
    generated: str
    account: str | None = None
    since: str | None = None
    until: str | None = None
    key: str | None = None
    status: Status | None = None
    more: bool = False


@dataclass(frozen=True, slots=True)
class LivePage:
    """A page to serve, and the value of its header `Content-Security-Policy`."""

    html: bytes
    policy: str


def write_report(file: BinaryIO, heading: ReportHeading, entries: Iterable[Entry]) -> None:
    """Write a report as HTML in UTF-8. The entries are read one by one, and not kept."""
    before, after = _page(_policy()).split(_DATA)
    file.write(before.encode())
    file.write(_element("heading", _heading_document(heading, live=False)))
    remaining = iter(entries)
    while chunk := list(islice(remaining, _CHUNK)):
        file.write(_element("records", [to_plain(entry.record) for entry in chunk]))
        file.write(_element("thumbnails", [thumbnails_document(e.thumbnails) for e in chunk]))
    file.write(after.encode())


def live_page(heading: ReportHeading, *, max_upload_bytes: int | None = None) -> LivePage:
    """Return the page in live mode, which reads its entries from the server that serves it.

    Larger files than `max_upload_bytes` are refused before they are sent.
    """
    policy = _policy("connect-src 'self'")
    document = _heading_document(heading, live=True) | {"max_upload_bytes": max_upload_bytes}
    html = _page(policy).replace(_DATA, _element("heading", document).decode())
    return LivePage(html.encode(), f"{policy}; frame-ancestors 'none'")


def _heading_document(heading: ReportHeading, *, live: bool) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "stack": heading.stack,
        "region": heading.region,
        "account": heading.account,
        "generated": heading.generated,
        "query": {
            "since": heading.since,
            "until": heading.until,
            "key": heading.key,
            "status": heading.status,
        },
        "more": heading.more,
        "live": live,
    }


def _element(kind: str, document: Any) -> bytes:
    """Return a data element, in ASCII and without any character that has a meaning in HTML."""
    text = json.dumps(document, separators=(",", ":"))
    text = re.sub("[<>&]", lambda match: _ESCAPES[match[0]], text)
    return f'<script type="application/json" data-{kind}>{text}</script>\n'.encode("ascii")


@cache
def _template() -> str:
    return (resources.files("imgctl.pages") / "page.html").read_text(encoding="utf-8")


def _page(policy: str) -> str:
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    return _template().replace(_POLICY, meta)


@cache
def _policy(*more: str) -> str:
    """Return the page's policy: its own scripts and styles by their hashes, and images as data."""
    page = _template()
    return "; ".join((
        "default-src 'none'",
        f"script-src {' '.join(_hashes(page, 'script'))}",
        f"style-src {' '.join(_hashes(page, 'style'))}",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        *more,
    ))  # fmt: skip


def _hashes(page: str, tag: str) -> Iterator[str]:
    for match in re.finditer(f"<{tag}\\b[^>]*>(.*?)</{tag}>", page, re.DOTALL):
        digest = hashlib.sha256(match[1].encode()).digest()
        yield f"'sha256-{base64.b64encode(digest).decode()}'"
