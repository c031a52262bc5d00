"""What is shown of a record, and what a failure means; tests/pages compares the documentation."""

import pytest

from imgctl.cli.record_view import FAILURE_HINTS, RecordView
from imgctl.core.record import Record, Status
from imgctl.pages.failures import failure_meanings


def test_every_failure_with_a_meaning_has_a_hint() -> None:
    assert list(FAILURE_HINTS) == list(failure_meanings())


@pytest.mark.parametrize("code", [*FAILURE_HINTS, "of_a_later_version", None])
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
    if code in FAILURE_HINTS:
        assert failure_meanings()[code] in rendered
        assert "KEY" not in rendered
        for command in FAILURE_HINTS[code].commands:
            assert f"`imgctl --local {command.split()[0]}" in rendered


def test_a_command_that_is_copied_names_the_very_key() -> None:
    record = Record(
        resource_id="00ff",
        status=Status.FAILED,
        original_object_key="it's; rm -rf.jpg",
        failure_code="access_denied",
    )
    assert "reprocess 'it'\"'\"'s; rm -rf.jpg'`" in RecordView(record, "imgctl")._failure(400)
