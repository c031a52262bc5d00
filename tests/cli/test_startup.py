"""`imgctl --help` imports and costs next to nothing."""

import subprocess
import sys

import click
import pytest

from imgctl.cli.main import COMMANDS
from imgctl.cli.main import imgctl as program

_PRINT_MODULES = "print(*sys.modules, file=sys.stderr)"

_OURS = f"""
import sys
from imgctl.cli.main import run
run(["--help"])
{_PRINT_MODULES}
"""

# A program of the same kind: what click needs for itself to print a help page.
_CLICK_ALONE = f"""
import sys
import click

@click.group(epilog="example")
@click.version_option("1")
@click.option("-q", "--quiet", is_flag=True, help="text")
def program():
    "Help text."

program.add_command(click.Command("command", help="Help text."))
program.main(["--help"], standalone_mode=False)
{_PRINT_MODULES}
"""


def modules_of(script: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stderr.split())


def test_the_list_of_commands_imports_only_click_and_small_modules() -> None:
    assert modules_of(_OURS) - modules_of(_CLICK_ALONE) == {
        "imgctl",
        "imgctl.cli",
        "imgctl.cli.main",
        "imgctl.cli.options",
        "imgctl.cli.streams",
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_repeats_the_first_line_of_each_help(name: str) -> None:
    command = program.get_command(click.Context(program), name)
    assert command is not None
    assert (command.help or "").splitlines()[0] == f"{COMMANDS[name]}."


def test_short_help_texts_fit_into_their_column() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "imgctl", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={"COLUMNS": "80"},
    )
    commands = done.stdout.partition("\nCommands:\n")[2].partition("\n\n")[0].splitlines()
    assert [line.split()[0] for line in commands] == list(COMMANDS)
    assert not any(line.endswith("...") or len(line) > 80 for line in commands)
