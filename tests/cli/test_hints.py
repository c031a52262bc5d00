"""Hints name commands that exist, with the options that were given."""

import ast
import functools
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

import imgctl
import infra
from imgctl.cli.app import App, program_for
from imgctl.cli.main import imgctl as program
from imgctl.cli.options import Command, Group
from imgctl.core.errors import Hint, ImgctlError
from tests.cli_result import CliResult

Imgctl = Callable[..., CliResult]


def sources_with(text: str) -> Iterator[tuple[Path, ast.Module]]:
    """Return the modules that contain a text; to parse all of them takes a second."""
    for package in (imgctl, infra):
        for path in sorted(Path(str(package.__file__)).parent.rglob("*.py")):
            source = path.read_text(encoding="utf-8")
            if text in source:
                yield path, ast.parse(source)


@functools.cache
def hints() -> list[tuple[str, ast.Call]]:
    return [
        (f"{path.name}:{node.lineno}", node)
        for path, module in sources_with("Hint(")
        for node in ast.walk(module)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Hint"
    ]


def commands_in_hints() -> list[tuple[str, str]]:
    return [
        (where, argument.value)
        for where, call in hints()
        for argument in call.args[1:]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    ]


def parse(arguments: list[str]) -> None:
    """Parse a command line as far as click does without the values' types; raises UsageError."""
    context = click.Context(program, info_name="imgctl", **program.context_settings)
    command: click.Command = program
    while True:
        _, rest, _ = command.make_parser(context).parse_args(arguments)
        if not isinstance(command, click.Group):
            assert not rest, f"unexpected {rest}"
            return
        name, inner, arguments = command.resolve_command(context, [str(word) for word in rest])
        assert inner is not None
        context = click.Context(inner, info_name=name, parent=context)
        command = inner


@pytest.mark.parametrize(("where", "command"), commands_in_hints())
def test_each_command_in_a_hint_exists_with_its_options(where: str, command: str) -> None:
    assert not command.startswith("imgctl"), where
    parse(shlex.split(command))


@pytest.mark.parametrize("command", ["no-such", "deploy --no-such", "redrive --list FILE"])
def test_a_command_that_does_not_exist_would_be_found(command: str) -> None:
    with pytest.raises((click.UsageError, AssertionError)):
        parse(shlex.split(command))


def test_each_example_of_the_help_exists_with_its_options() -> None:
    context = click.Context(program)
    commands = [program.get_command(context, name) for name in program.list_commands(context)]
    nested = [
        inner for group in commands if isinstance(group, Group) for inner in group.commands.values()
    ]
    for command in [program, *commands, *nested]:
        assert isinstance(command, Command | Group)
        assert command.examples
        for example in command.examples:
            line = re.split(r" >>? | < | \| ", example)[0]
            name, *words = shlex.split(line)
            assert name == "imgctl"
            parse(words)


def test_each_hint_has_a_place_for_each_of_its_commands() -> None:
    for where, call in hints():
        text = call.args[0]
        if len(call.args) > 1 and isinstance(text, ast.Constant):
            assert str(text.value).count("{}") == len(call.args) - 1, where


def test_no_other_string_names_a_command() -> None:
    """It would lack the options in use. Docstrings and examples are no messages."""
    found = []
    for path, tree in sources_with("`imgctl"):
        exempt = {id(node) for node in _docstrings(tree)} | {id(node) for node in _examples(tree)}
        found += [
            f"{path}:{node.lineno}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in exempt
            and re.search(r"`imgctl[ `]", node.value)
        ]
    assert found == []


def _docstrings(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        # Attributes are documented by a string below them.
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value


def _examples(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "examples":
            yield from ast.walk(node.value)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "imgctl"),
        ({"json": True, "yes": True, "kms_key": "x"}, "imgctl"),
        ({"stack": "x", "local": True}, "imgctl --local --stack x"),
        (
            {"region": "eu-west-2", "profile": "my profile", "config": "a b.toml"},
            "imgctl --profile 'my profile' --region eu-west-2 --config 'a b.toml'",
        ),
        ({"assume_role": "arn:role/me"}, "imgctl --role-arn arn:role/me"),
    ],
)
def test_the_program_carries_the_options_that_lead_to_the_same_stack(
    options: dict[str, object], expected: str
) -> None:
    assert program_for(options) == expected


class _Failed(ImgctlError):
    code = "failed"


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: App) -> None:
        raise _Failed("The stack x failed.", hint=Hint("{} removes it.", "destroy"))

    monkeypatch.setattr(App, "aws", property(fail))


@pytest.mark.parametrize(
    "arguments",
    [
        ("--local", "--stack", "x", "deploy"),
        ("deploy", "--stack", "x", "--local"),
        ("--stack", "x", "deploy", "--local", "--yes"),
    ],
)
@pytest.mark.usefixtures("failing")
def test_a_failed_deploy_advises_a_destroy_of_the_same_stack(
    imgctl: Imgctl, arguments: tuple[str, ...]
) -> None:
    done = imgctl(*arguments)
    assert done.code == 1
    assert "`imgctl --local --stack x destroy` removes it." in done.err
    assert imgctl(*arguments, "--json").error["hint"] == (
        "`imgctl --local --stack x destroy` removes it."
    )


@pytest.mark.usefixtures("failing")
def test_a_hint_that_is_copied_to_another_shell_leads_to_the_same_stack(
    imgctl: Imgctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMGCTL_LOCAL", "1")
    monkeypatch.setenv("IMGCTL_STACK", "x")
    monkeypatch.setenv("IMGCTL_REGION", "us-east-1")
    assert "`imgctl --local --stack x destroy` removes it." in imgctl("deploy").err


def test_a_usage_error_refers_to_the_commands_help(imgctl: Imgctl) -> None:
    assert "See imgctl upload --help." in imgctl("upload").err
