"""Completion as a person meets it, in each shell that is installed."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shells import COMMANDS, Shell, shell


@pytest.fixture(params=COMMANDS)
def prompt(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shell]:
    name: str = request.param
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    (tmp_path / "holiday pictures").mkdir()
    (tmp_path / "photograph.jpg").touch()
    profiles = tmp_path / "aws"
    profiles.write_text("[profile production]\nregion = eu-west-2\n")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("IMGCTL_", "AWS_"))}
    environment |= {"PATH": path, "AWS_CONFIG_FILE": str(profiles), "HOME": str(tmp_path)}
    environment["TMPDIR"] = str(tmp_path)  # fish leaves a folder there
    with shell(name, cwd=tmp_path, environment=environment) as opened:
        yield opened


def test_commands_options_files_and_names_are_completed(prompt: Shell) -> None:
    for typed, completed in (
        ("imgctl hist", "imgctl history"),
        ("--stat", "--status"),
        ("fai", "--status failed"),
        ("--profile prod", "--profile production"),
        ("--region eu-north", "--region eu-north-1"),
    ):
        prompt.type(typed + "\t")
        prompt.wait_for(completed)
    prompt.type("\x15imgctl resize photo\t")
    prompt.wait_for("imgctl resize photograph.jpg")
    prompt.type(" -o holi\t")
    prompt.wait_for("holiday\\ pictures/")
