"""What is shown of a record, and that it says the same as the documentation."""

import re
from pathlib import Path

import pytest

from imgctl.cli.record_view import FAILURES, RecordView
from imgctl.core.record import Record, Status

PAGE = Path(__file__).parents[2] / "docs/reference/records.md"


def test_the_documentation_lists_the_same_failures() -> None:
    table = (
        PAGE.read_text(encoding="utf-8")
        .partition("## Failure codes")[2]
        .partition("\n\n`imgctl")[0]
    )
    codes = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert codes == list(FAILURES)


@pytest.mark.parametrize("code", [*FAILURES, "of_a_later_version", None])
def test_a_failure_says_what_it_means_and_what_to_do(code: str | None) -> None:
    record = Record(
        resource_id="00ff",
        status=Status.FAILED,
        original_object_key="it's.jpg",
        failure_code=code,
        failure_reason="The reason.",
    )
    rendered = RecordView(record, "imgctl --local")._failure(400)
    assert "The reason." in rendered
    if code in FAILURES:
        assert FAILURES[code].meaning in rendered
        assert "KEY" not in rendered
        for command in FAILURES[code].hint.commands:
            assert f"`imgctl --local {command.split()[0]}" in rendered


def test_a_command_that_is_copied_names_the_very_key() -> None:
    record = Record(
        resource_id="00ff",
        status=Status.FAILED,
        original_object_key="it's; rm -rf.jpg",
        failure_code="access_denied",
    )
    assert "reprocess 'it'\"'\"'s; rm -rf.jpg'`" in RecordView(record, "imgctl")._failure(400)
