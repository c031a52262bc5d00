"""The documents that --json prints, and the strict check of them."""

from collections.abc import Callable
from typing import Any, get_args, get_type_hints

import click
import pytest

from imgctl.cli.documents import DOCUMENTS, Document
from imgctl.cli.image_documents import RecordDocument, record_document
from imgctl.cli.main import COMMANDS
from imgctl.cli.main import imgctl as program
from imgctl.core.record import ATTRIBUTE_NAMES, Record
from tests.cli_result import CliResult
from tests.documents import check_document, command_of

Imgctl = Callable[..., CliResult]


def test_every_command_has_its_documents() -> None:
    context = click.Context(program)
    names = set()
    for name in COMMANDS:
        command = program.get_command(context, name)
        if isinstance(command, click.Group):
            names |= {f"{name} {inner}" for inner in command.list_commands(context)}
        else:
            names.add(name)
    assert set(DOCUMENTS) == names
    assert {item for items in DOCUMENTS.values() for item in items} == set(get_args(Document))


def test_a_record_has_the_attributes_of_the_table() -> None:
    hints = get_type_hints(RecordDocument)
    assert tuple(hints) == ATTRIBUTE_NAMES
    sample = Record(**{field: "1" for field in Record.__slots__ if field != "status"})  # type: ignore[arg-type]
    assert record_document(sample).keys() == hints.keys()
    types = dict(get_type_hints(Record).items())
    for (name, hint), field in zip(hints.items(), Record.__slots__, strict=True):
        assert (hint is int) == (types[field] == int | None), name


@pytest.mark.parametrize(
    "document",
    [
        {"schema": 1, "path": 3},
        {"schema": 1, "path": "x", "more": 1},
        {"schema": 1},
        {"schema": 2, "path": "x"},
        {"path": "x"},
    ],
)
def test_a_document_that_differs_is_found(document: Any) -> None:
    check_document("init", {"schema": 1, "path": "x"})
    with pytest.raises(AssertionError):
        check_document("init", document)


@pytest.mark.parametrize(
    "document",
    [
        {"stopped": False, "running": True},  # the literal is False
        {"stopped": 0, "running": False},  # no boolean
    ],
)
def test_types_are_compared_exactly(document: Any) -> None:
    with pytest.raises(AssertionError):
        check_document("local stop", {"schema": 1, **document})


def test_the_command_is_found_among_its_options() -> None:
    assert command_of(["--stack", "x", "config", "--json"]) == "config"
    assert command_of(["--json", "local", "status"]) == "local status"


def test_documents_of_commands_without_aws_are_as_described(imgctl: Imgctl) -> None:
    """The helper that runs commands checks each document; e2e does it for all others."""
    imgctl("config", "--json").succeeded()
    imgctl("init", "--json").succeeded()
    imgctl("local", "status", "--json").succeeded()
    imgctl("local", "logs", "--json").succeeded()
    imgctl("local", "reset", "--json", "--yes").succeeded()
    imgctl("local", "stop", "--json").succeeded()
