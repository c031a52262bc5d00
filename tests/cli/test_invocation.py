import os
import sys
from pathlib import Path

import pytest

from imgctl.cli.invocation import invocation


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in an environment that is not activated, called from the folder above it."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "venv" / "bin" / "imgctl"
    path.parent.mkdir(parents=True)
    path.touch()
    path.chmod(0o755)
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.setattr(sys, "argv", [str(path), "history"])
    return path


@pytest.mark.usefixtures("program")
def test_a_program_that_path_does_not_lead_to_is_called_by_its_path() -> None:
    assert invocation() == ("venv/bin/imgctl",)


def test_from_another_folder_the_path_is_absolute(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    monkeypatch.setattr(sys, "argv", [os.path.relpath(program)])
    assert invocation() == (str(program.relative_to("/")),)


def test_a_program_on_path_is_called_by_its_name(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(program.parent))
    assert invocation() == ("imgctl",)


def test_another_program_of_that_name_on_path_is_not_meant(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other" / "imgctl"
    other.parent.mkdir()
    other.write_bytes(program.read_bytes())
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(other.parent))
    assert invocation() == ("venv/bin/imgctl",)


@pytest.mark.usefixtures("program")
def test_a_module_is_called_by_its_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/x/imgctl/__main__.py"])
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3")
    assert invocation() == ("/usr/bin/python3", "-m", "imgctl")
