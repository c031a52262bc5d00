"""Which options of `deploy` can be combined, and which files it refuses before it asks AWS."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli_result import CliResult

Imgctl = Callable[..., CliResult]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--apply", "p", "--plan"], "--plan cannot be combined with --apply"),
        (["--apply", "p", "--out", "q"], "--out cannot be combined with --apply"),
        (["--apply", "p", "--exit-code"], "--exit-code cannot be combined with --apply"),
        (["--apply", "p", "--express"], "--express cannot be combined with --apply"),
        (["--apply", "p", "--adopt"], "--adopt cannot be combined with --apply"),
        (["--apply", "p", "--revert-drift"], "--revert-drift cannot be combined with --apply"),
        (["--apply", "p", "--cmk", "arn"], "--cmk cannot be combined with --apply"),
        (["--out", "q"], "--out needs --plan"),
        (["--exit-code"], "--exit-code needs --plan"),
    ],
    ids=" ".join,
)
def test_options_that_say_nothing_together_are_a_usage_error(
    imgctl: Imgctl, arguments: list[str], message: str
) -> None:
    refused = imgctl("deploy", *arguments)
    assert (refused.code, message in refused.err) == (2, True)


def test_a_file_that_is_no_plan_is_refused_without_a_call(imgctl: Imgctl, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    missing = imgctl("deploy", "--apply", str(path))
    assert (missing.code, f"{path}: No such file" in missing.err) == (1, True)
    path.write_text("{}")
    refused = imgctl("deploy", "--apply", str(path), "--json")
    assert (refused.code, '"code": "plan_file"' in refused.err) == (1, True)


def test_a_plan_that_could_not_be_written_is_refused_without_a_call(
    imgctl: Imgctl, tmp_path: Path
) -> None:
    refused = imgctl("deploy", "--plan", "--out", str(tmp_path / "plans" / "plan.json"))
    assert (refused.code, f"{tmp_path / 'plans'}: No such folder" in refused.err) == (1, True)
