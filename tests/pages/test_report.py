import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from imgctl.core.record import Status
from imgctl.pages.entries import Entry, Thumbnails, entry_document
from imgctl.pages.report import live_page, write_report
from tests.pages.samples import BEFORE, HEADING, THUMBNAILS, record

ELEMENT = re.compile(r'<script type="application/json" data-(\w+)>(.*?)</script>', re.DOTALL)


def written(entries: list[Entry], **changes: Any) -> str:
    file = io.BytesIO()
    write_report(file, replace(HEADING, **changes), entries)
    return file.getvalue().decode()


def elements(html: str, kind: str) -> list[Any]:
    return [json.loads(text) for found, text in ELEMENT.findall(html) if found == kind]


def test_a_report_contains_every_record_once_in_order_in_small_parts() -> None:
    html = written([Entry(record(number), THUMBNAILS) for number in range(120)])
    chunks = elements(html, "records")
    assert [len(chunk) for chunk in chunks] == [50, 50, 20]
    ids = [known["resource-id"] for chunk in chunks for known in chunk]
    assert ids == [record(number).resource_id for number in range(120)]
    assert [len(chunk) for chunk in elements(html, "thumbnails")] == [50, 50, 20]


def test_a_report_is_written_while_its_entries_are_read() -> None:
    file = io.BytesIO()
    positions = []

    def entries() -> Iterator[Entry]:
        for number in range(200):
            positions.append(file.tell())
            yield Entry(record(number), THUMBNAILS)

    write_report(file, HEADING, entries())
    assert positions[0] < positions[60] < positions[120] < positions[180]


def test_the_heading_says_what_was_asked_for() -> None:
    html = written([], since="2026-11-01", status=Status.FAILED, more=True)
    assert elements(html, "heading") == [
        {
            "schema": 1,
            "stack": "photos-prod",
            "region": "eu-west-2",
            "account": "123456789012",
            "generated": "2026-11-30T12:00:00.000Z",
            "query": {"since": "2026-11-01", "until": None, "key": None, "status": "FAILED"},
            "more": True,
            "live": False,
        }
    ]


def test_no_text_of_a_record_ends_its_element() -> None:
    key = "</script><!--<script>\u2028]]>&lt;\ud800é"
    html = written([Entry(record(0, original_object_key=key))])
    assert html.count("</script>") == 4  # heading, records, thumbnails, and the page's own
    assert "<!--<" not in html
    assert elements(html, "records")[0][0]["OriginalObjectKey"] == key


def test_the_policy_of_a_report_forbids_every_connection_and_foreign_script() -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', written([]))
    assert policy
    directives = dict(part.split(" ", 1) for part in policy[1].split("; "))
    assert directives["default-src"] == "'none'"
    assert directives["img-src"] == "data:"
    assert directives["base-uri"] == directives["form-action"] == "'none'"
    for kind in ("script-src", "style-src"):
        assert re.fullmatch(r"'sha256-[\w+/]{43}='", directives[kind])
    assert "connect-src" not in directives


def test_the_live_page_may_only_connect_to_its_own_server_and_cannot_be_framed() -> None:
    page = live_page(HEADING, max_upload_bytes=1000)
    assert "connect-src 'self'; frame-ancestors 'none'" in page.policy
    # A policy in the page cannot forbid frames: browsers complain about it.
    assert page.policy.removesuffix("; frame-ancestors 'none'").encode() in page.html
    [heading] = elements(page.html.decode(), "heading")
    assert heading["live"] is True
    assert heading["max_upload_bytes"] == 1000


def test_an_entry_has_the_record_as_history_prints_it() -> None:
    document = entry_document(Entry(record(7), Thumbnails(before=BEFORE, renditions={"a": BEFORE})))
    assert document["record"]["OriginalObjectKey"] == "holiday/IMG_0007.jpg"
    assert document["thumbnails"] == {"before": BEFORE, "after": None, "renditions": {"a": BEFORE}}
