from collections.abc import Callable

import pytest

from imgctl.cli.params import Duration
from tests.cli_result import CliResult

Imgctl = Callable[..., CliResult]


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("2h", 7200), ("7d", 604_800), ("1w", 604_800)]
)
def test_a_duration_is_given_with_its_unit(text: str, seconds: int) -> None:
    assert Duration(maximum_days=7).convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["0s", "8d", "2w", "15", "m", "-1h", "1.5h", "9" * 30 + "d"])
def test_a_duration_that_no_url_can_have_is_a_usage_error(imgctl: Imgctl, text: str) -> None:
    done = imgctl("presign", "cake.jpg", f"--expires={text}")
    assert (done.code, done.out) == (2, "")
    assert "7d, which is the longest" in done.err


@pytest.mark.parametrize(
    "options",
    [["--put", "--original"], ["--put", "--rendition", "x"], ["--original", "--rendition", "x"]],
)
def test_a_url_is_for_one_thing(imgctl: Imgctl, options: list[str]) -> None:
    assert imgctl("presign", "cake.jpg", *options).code == 2
