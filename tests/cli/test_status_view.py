"""The status as people read it."""

from dataclasses import replace

import pytest

from imgctl.aws.metrics import Alarm
from imgctl.cli.status_view import status_document, status_grid
from imgctl.operations.status import Known, LiveAlias, StackState, StackStatus, Today, Unknown
from tests.documents import check_document

TIME = "2026-11-23T15:25:09.123Z"
ALARM = Alarm("imgctl-ErrorsAlarm-1A", "It fails\x1b[2J.", "ALARM", "because", TIME)
STATUS = StackStatus(
    stack=StackState(
        status="UPDATE_COMPLETE",
        reason="",
        changed=TIME,
        drift="",
        drift_checked="",
        outputs={"ApiEndpoint": "https://api", "SourceBucket": "in", "DestinationBucket": "out"},
    ),
    live=Known(LiveAlias("7")),
    live_since=Known(TIME),
    alarms=Known([ALARM, replace(ALARM, state="OK")]),
    dead_letters=Known(1200),
    today=Known(Today(1234, 2, 5_000_000)),
)
DENIED = Unknown("Not allowed.", is_denied=True)


def shown(status: StackStatus) -> dict[str, str]:
    rows = status_grid("imgctl", status, "imgctl --local").lines().split("\n")
    return dict(row.split("\t", 1) for row in rows)


def test_each_part_is_one_row() -> None:
    rows = shown(STATUS)
    assert rows["live"].startswith("version 7, since 2026-11-")
    assert rows["drift"] == "not checked"
    assert rows["alarms"].startswith("ErrorsAlarm since 2026-11-")
    assert rows["alarms"].endswith("It fails\\x1b[2J.")
    assert rows["dead letters"] == "1,200 waiting: `imgctl --local redrive --list` lists them"
    assert rows["today"] == "1,234 processed, 2 failed, 5.0 MB saved"


def test_what_is_not_permitted_is_said_in_its_row() -> None:
    rows = shown(replace(STATUS, live=DENIED, alarms=DENIED, dead_letters=DENIED, today=DENIED))
    for name in ("live", "alarms", "dead letters", "today"):
        assert rows[name] == "not permitted"


def test_a_stack_that_holds_only_a_plan_says_what_to_do() -> None:
    missing = Unknown("The stack has no output Table.", is_missing=True)
    stack = replace(STATUS.stack, status="REVIEW_IN_PROGRESS", outputs={})
    status = replace(STATUS, stack=stack, live=missing, dead_letters=missing, today=missing)
    rows = shown(status)
    assert rows["to do"] == (
        "Nothing was deployed: the stack imgctl holds only a plan. Run `imgctl --local deploy`, or"
        " `imgctl --local destroy` to remove it."
    )
    for name in ("originals", "live", "dead letters", "today"):
        assert rows[name] == "none yet"


@pytest.mark.parametrize(
    ("today", "text"),
    [
        (Today(0, 0, 0), "0 processed, 0 failed, 0 B saved"),
        (Today(1, 0, -2000), "1 processed, 0 failed, 2.0 kB more than the originals"),
        (
            Today(1000, 0, 1, is_complete=False),
            "1,000 processed, 0 failed, 1 B saved (of the newest 1,000 images only)",
        ),
    ],
)
def test_today(today: Today, text: str) -> None:
    assert shown(replace(STATUS, today=Known(today)))["today"] == text


@pytest.mark.parametrize("status", [STATUS, replace(STATUS, today=DENIED, live=Unknown("gone"))])
def test_the_document_has_everything(status: StackStatus) -> None:
    document = status_document("imgctl", status, "imgctl")
    check_document("status", {"schema": 1, **document})
    assert (document["today"] is None) == ("today" in document["unknown"])
