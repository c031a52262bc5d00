"""A strict check of JSON documents against the TypedDicts that describe them."""

import json
import types
from collections.abc import Sequence
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from imgctl.cli.documents import DOCUMENTS, SCHEMA, ErrorDocument, WarningDocument
from imgctl.cli.main import COMMANDS
from tests.cli_result import CliResult


def check_document(command: str, document: Any) -> None:
    """Assert that a document is one of those that the command may print, and nothing more."""
    assert document.get("schema") == SCHEMA
    content = {key: value for key, value in document.items() if key != "schema"}
    problems = [_problems(expected, content, command) for expected in DOCUMENTS[command]]
    assert not all(problems), problems


def checked(result: CliResult, arguments: Sequence[str]) -> CliResult:
    """Return a result; with --json its documents on both streams are checked before."""
    if "--json" in arguments and result.code in (0, 1, 4) and result.out:
        command = command_of(arguments)
        lines = result.out.splitlines() if command == "logs" else [result.out]
        for line in lines:
            check_document(command, json.loads(line))
    for line in result.err.splitlines():
        if "--json" in arguments and line.startswith("{"):
            item = json.loads(line)
            expected = ErrorDocument if "error" in item else WarningDocument
            problems = _problems(expected, item, "stderr")
            assert not problems, problems
    return result


def command_of(arguments: Sequence[str]) -> str:
    """Return the command that arguments call, such as `local status`."""
    at = next(i for i, word in enumerate(arguments) if word in COMMANDS)
    name = arguments[at]
    return f"{name} {arguments[at + 1]}" if name == "local" else name


def _problems(expected: Any, value: Any, where: str) -> list[str]:
    """List how a value differs from a type; empty if it does not."""
    origin, arguments = get_origin(expected), get_args(expected)
    if is_typeddict(expected):
        return _problems_of_keys(expected, value, where)
    if origin in (types.UnionType, Union):
        found = [_problems(argument, value, where) for argument in arguments]
        return [] if not all(found) else [problem for problems in found for problem in problems]
    if origin is Literal:
        matches = any(type(value) is type(item) and value == item for item in arguments)
        return [] if matches else [f"{where}: {value!r} is none of {arguments}"]
    if origin is list:
        if not isinstance(value, list):
            return [f"{where}: {value!r} is no list"]
        return [
            problem
            for i, item in enumerate(value)
            for problem in _problems(arguments[0], item, f"{where}[{i}]")
        ]
    if origin is dict:
        if not isinstance(value, dict):
            return [f"{where}: {value!r} is no object"]
        return [
            problem
            for key, item in value.items()
            for problem in _problems(arguments[1], item, f"{where}.{key}")
        ]
    if expected is object:  # any JSON
        return []
    return [] if type(value) is expected else [f"{where}: {value!r} is no {expected}"]


def _problems_of_keys(expected: Any, value: Any, where: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where}: {value!r} is no object"]
    hints = get_type_hints(expected)
    problems = [f"{where}.{key} is unknown" for key in value.keys() - hints.keys()]
    problems += [f"{where}.{key} is missing" for key in expected.__required_keys__ - value.keys()]
    for key in hints.keys() & value.keys():
        problems += _problems(hints[key], value[key], f"{where}.{key}")
    return problems
