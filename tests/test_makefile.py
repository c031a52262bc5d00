import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def make(*arguments: str) -> str:
    done = subprocess.run(
        ["make", "--no-print-directory", *arguments],  # noqa: S607 (wherever it is installed)
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


def test_help_lists_every_target_and_is_what_make_does_by_itself() -> None:
    targets = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    lines = make("help").splitlines()
    assert sorted(line.split()[1] for line in lines) == sorted(targets[0].split())
    assert make() == make("help")


def test_the_tests_are_announced_with_the_time_that_they_take() -> None:
    assert "this takes about 8 minutes" in make("--dry-run", "test")
