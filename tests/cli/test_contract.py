"""What scripts rely on: streams, exit codes, options, help."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from imgctl import __version__
from imgctl.cli.main import imgctl as program
from tests.cli_result import CliResult

README = Path(__file__).parents[2] / "README.md"

Imgctl = Callable[..., CliResult]


def commands() -> list[tuple[str, ...]]:
    context = click.Context(program)
    names: list[tuple[str, ...]] = []
    for name in program.list_commands(context):
        command = program.get_command(context, name)
        names.append((name,))
        if isinstance(command, click.Group):
            names += [(name, inner) for inner in command.list_commands(context)]
    return names


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_has_help_with_an_example(imgctl: Imgctl, command: tuple[str, ...]) -> None:
    done = imgctl(*command, "--help")
    assert done.code == 0
    assert f"\nExamples:\n  imgctl {' '.join(command)}" in done.out
    assert done.err == ""


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_is_in_the_readme(command: tuple[str, ...]) -> None:
    assert f"imgctl {command[0]}" in README.read_text()


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["upload", "--help"], ["config"]])
def test_heavy_modules_are_imported_only_when_needed(arguments: list[str]) -> None:
    probe = (
        "import sys; from imgctl.cli.main import run; code = run(sys.argv[1:]);"
        "heavy = {'boto3', 'botocore', 'PIL'} & set(sys.modules);"
        "sys.exit(f'loaded: {heavy}' if heavy else code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe, *arguments], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_version_is_printed(imgctl: Imgctl) -> None:
    assert imgctl("--version").out == f"imgctl, version {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--stack", "mine", "config", "--json"],
        ["config", "--json", "--stack", "mine"],
        ["--json", "config", "--stack", "mine"],
        ["--stack", "other", "config", "--stack", "mine", "--json"],
    ],
)
def test_global_options_are_accepted_before_or_after_the_command(
    imgctl: Imgctl, arguments: list[str]
) -> None:
    stack = imgctl(*arguments).document["settings"]["stack"]
    assert stack == {"value": "mine", "origin": "--stack"}


def test_each_option_has_its_variable(imgctl: Imgctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMGCTL_JSON", "1")
    monkeypatch.setenv("IMGCTL_STACK", "mine")
    document = imgctl("config").document
    assert document["schema"] == 1
    assert document["settings"]["stack"]["origin"] == "IMGCTL_STACK"


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["config", "--no-such-option"],
        ["upload"],
        ["upload", "no-such-file.jpg"],
        ["resize", "no-such-*.jpg"],
        ["history", "--since", "yesterday-ish", "--local"],
        ["config", "--config", "no-such.toml"],
    ],
)
def test_usage_is_exit_code_2_and_says_what_is_wrong(imgctl: Imgctl, arguments: list[str]) -> None:
    done = imgctl(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Error: ")
    assert "Traceback" not in done.err


def test_errors_are_json_with_json(imgctl: Imgctl) -> None:
    done = imgctl("upload", "no-such-file.jpg", "--json")
    assert (done.code, done.out) == (2, "")
    assert done.error["code"] == "usage"
    assert "no-such-file.jpg" in done.error["message"]
    assert done.error["hint"]


def test_no_credentials_is_exit_code_3_with_a_next_step(imgctl: Imgctl) -> None:
    done = imgctl("history", "--region", "eu-west-2", "--json")
    assert done.code == 3
    assert done.error["code"] == "no_credentials"
    assert "--local" in done.error["hint"]


def test_no_region_is_exit_code_3_with_a_next_step(
    imgctl: Imgctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    done = imgctl("deploy", "--json")
    assert (done.code, done.error["code"]) == (3, "no_region")


def test_an_unknown_profile_is_exit_code_3(imgctl: Imgctl) -> None:
    done = imgctl("history", "--profile", "nobody")
    assert done.code == 3
    assert "nobody" in done.err


def test_an_unreachable_aws_is_exit_code_3(imgctl: Imgctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("time.sleep", lambda _: None)  # between the SDK's own retries
    done = imgctl("history", "--region", "eu-west-2")
    assert done.code == 3
    assert "cannot be reached" in done.err


def test_an_internal_error_is_one_line_and_debug_shows_the_traceback(
    imgctl: Imgctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgctl.cli.tables.settings_grid", lambda *_: 1 / 0)
    plain = imgctl("config")
    assert plain.code == 1
    assert "Internal error: ZeroDivisionError" in plain.err
    assert "Traceback" not in plain.err
    assert "Traceback" in imgctl("config", "--debug").err


def test_an_interruption_is_exit_code_130(imgctl: Imgctl, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("imgctl.cli.tables.settings_grid", interrupt)
    assert imgctl("config").code == 130


@pytest.mark.parametrize("arguments", [["local", "reset"], ["local", "reset", "--json"]])
def test_a_prompt_without_a_terminal_names_the_option(imgctl: Imgctl, arguments: list[str]) -> None:
    done = imgctl(*arguments)
    assert done.code == 2
    assert "--yes" in done.err


@pytest.mark.parametrize("arguments", [[], ["local"]])
def test_without_a_command_the_help_is_shown(imgctl: Imgctl, arguments: list[str]) -> None:
    done = imgctl(*arguments)
    assert done.code == 0
    assert "\nCommands:\n" in done.out
    assert done.err == ""


def test_an_empty_path_is_not_the_working_folder(imgctl: Imgctl) -> None:
    assert imgctl("resize", "").code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["history", "--since", "99999999999d"],
        ["history", "--since", "2026-13-45"],
        ["history", "--until", "2026-99"],
        ["upload", "x", "--timeout", "-1"],
        ["show", ""],
    ],
)
def test_an_invalid_value_is_a_usage_error(imgctl: Imgctl, arguments: list[str]) -> None:
    done = imgctl(*arguments)
    assert (done.code, done.out) == (2, "")


def test_a_folder_that_cannot_be_created_is_one_line(imgctl: Imgctl) -> None:
    done = imgctl("demo", "-o", "/proc/nowhere")
    assert done.code == 1
    assert done.err.startswith("Error: /proc/nowhere: ")


@pytest.mark.parametrize(
    ("arguments", "suggestion"),
    [
        (["histroy"], "history"),
        (["local", "strat"], "start"),
        (["resize", "x.jpg", "--fomat", "png"], "--format"),
    ],
)
def test_a_misspelt_command_or_option_is_answered_with_a_suggestion(
    imgctl: Imgctl, arguments: list[str], suggestion: str
) -> None:
    done = imgctl(*arguments)
    assert done.code == 2
    assert "Did you mean" in done.err
    assert suggestion in done.err


def test_a_misspelt_setting_is_answered_with_a_suggestion(imgctl: Imgctl) -> None:
    Path("imgctl.toml").write_text("qualty = 70\n")
    done = imgctl("config")
    assert done.code == 2
    assert "Did you mean quality?" in done.err


def test_an_invalid_region_is_a_usage_error_wherever_it_comes_from(
    imgctl: Imgctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    option = imgctl("versions", "--region", "nowhere land")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "no where")
    configured = imgctl("versions")
    assert (option.code, configured.code) == (2, 2)
    assert "a region such as eu-west-2" in option.err
    assert "The configured AWS region is invalid: 'no where'." in configured.err


def test_a_status_is_accepted_as_it_is_shown(imgctl: Imgctl) -> None:
    assert imgctl("history", "--status", "FAILED").code == 3  # beyond usage: no credentials


@pytest.mark.parametrize("stream", [0, 1, 2])
def test_a_stream_that_the_caller_has_closed_is_no_error(stream: int) -> None:
    imgctl = "from imgctl.cli.main import run; raise SystemExit(run(['config']))"
    run = f"os.execv(sys.executable, [sys.executable, '-c', {imgctl!r}])"
    done = subprocess.run(
        [sys.executable, "-c", f"import os, sys; os.close({stream}); {run}"],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0
    assert done.stderr == b""
