import re
from pathlib import Path

import click
import pytest

from imgctl.cli.main import run
from tests.reference import PAGES, help_texts, options_page


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_generated_page_is_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == PAGES[path](), "run `make reference`"


@pytest.mark.parametrize("arguments", [(), ("deploy",), ("local", "start")])
def test_the_help_page_is_what_a_terminal_of_80_columns_shows(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run([*arguments, "--help"]) == 0
    command = " ".join(("imgctl", *arguments))
    assert f"$ {command} --help\n{capsys.readouterr().out}" in help_texts.render()


def test_no_help_text_is_cut() -> None:
    lines = help_texts.render().splitlines()
    assert max(map(len, lines)) <= 80
    assert not [line for line in lines if line.endswith("...") and not line.startswith("Usage:")]


def test_every_command_and_option_is_in_the_reference() -> None:
    page = options_page.render()
    root, *commands = help_texts.command_contexts()
    accepted_everywhere = {name for option in root.command.get_params(root) for name in option.opts}
    for context in commands:
        section = page.partition(f"\n## {context.command_path}\n")[2].partition("\n## ")[0]
        names = {
            name
            for parameter in context.command.params
            if isinstance(parameter, click.Option)
            for name in (*parameter.opts, *parameter.secondary_opts)
        }
        words = set(re.findall(r"[-\w]+", section))
        assert names - accepted_everywhere - words == set(), context.command_path
