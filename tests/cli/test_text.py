import json

import pytest

from imgctl.cli.text import duration_text, local_time, printable, printable_json, size_text


@pytest.mark.parametrize(
    "name",
    [
        "\x1b[31mred\x1b[0m",
        "bell\x07",
        "line\nbreak",
        "\u202egpj.exe",
        "\x9b2J",
        "half \ud83c",
        "\u061cx",
        "two\u2028lines",
        "in\u200bvisible",
        "tag\U000e0041",
        "\u2067isolate",
        "\ufeffmark",
        "soft\xadhyphen",
    ],
)
def test_no_control_character_of_a_name_reaches_the_terminal(name: str) -> None:
    shown = printable(name)
    assert shown.isprintable()
    assert shown.encode()
    assert printable_json(json.dumps(name, ensure_ascii=False)).isprintable()


def test_escaped_json_still_contains_the_name() -> None:
    name = "\x1b[31m\u202e\x9bü"
    assert json.loads(printable_json(json.dumps(name, ensure_ascii=False))) == name


@pytest.mark.parametrize(
    "name", ["Köln.jpg", "🍰 [bold]x[/bold].jpg", "日本.png", "👩‍👩‍👧.jpg", "می‌خواهم.png"]
)
def test_ordinary_names_are_shown_as_they_are(name: str) -> None:
    assert printable(name) == name


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (5_000_000_000_000, "5000.0 GB"),
    ],
)
def test_sizes_have_a_suitable_unit(count: int, text: str) -> None:
    assert size_text(count) == text


def test_times_of_both_functions_are_in_utc() -> None:
    assert local_time("2025-05-02T14:03:24.552311") == local_time("2025-05-02T14:03:24Z")
    assert local_time("no time") == "no time"
    assert local_time(None) == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.6, "1 min"),
        (65.0, "1 min 5 s"),
        (3599.6, "1 h"),
        (3725, "1 h 2 min"),
    ],
)
def test_durations_have_suitable_units(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
