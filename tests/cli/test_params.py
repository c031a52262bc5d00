"""Times as a person types them, in a time zone of their own."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import click
import pytest

from imgctl.cli.params import TimeParam


@pytest.fixture(autouse=True)
def _auckland(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """New Zealand: 13 hours ahead of UTC in summer, 12 from April 5 to September 27, 2026."""
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("2026-11-23", "2026-11-22T11:00:00.000Z", "2026-11-23T10:59:59.999Z"),
        ("2026-07-01", "2026-06-30T12:00:00.000Z", "2026-07-01T11:59:59.999Z"),
        ("2026-04-05", "2026-04-04T11:00:00.000Z", "2026-04-05T11:59:59.999Z"),  # 25 hours
        ("2026-02", "2026-01-31T11:00:00.000Z", "2026-02-28T10:59:59.999Z"),
        ("2026-12", "2026-11-30T11:00:00.000Z", "2026-12-31T10:59:59.999Z"),
        ("2026-11-23T15:00", "2026-11-23T02:00:00.000Z", "2026-11-23T02:00:00.000Z"),
        ("2026-11-23T15:00Z", "2026-11-23T15:00:00.000Z", "2026-11-23T15:00:00.000Z"),
        ("2026-11-23T15:00+02:00", "2026-11-23T13:00:00.000Z", "2026-11-23T13:00:00.000Z"),
    ],
)
def test_a_date_is_one_of_the_users_time_zone(text: str, since: str, until: str) -> None:
    assert TimeParam().convert(text, None, None) == since
    assert TimeParam(is_end=True).convert(text, None, None) == until


def test_an_age_is_subtracted_from_the_present() -> None:
    found = datetime.fromisoformat(TimeParam().convert("2h", None, None))
    assert abs(datetime.now(UTC) - timedelta(hours=2) - found) < timedelta(minutes=1)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026", "2026-13", "2026-02-30", "0001-01-01", "9" * 99 + "w"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="use a date"):
        TimeParam().convert(text, None, None)
