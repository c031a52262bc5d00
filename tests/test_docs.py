"""The documentation agrees with the program: links, examples, and what has to be documented."""

import ast
import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from imgctl.cli.main import imgctl as program
from imgctl.cli.main import run
from imgctl.core.record import ATTRIBUTE_NAMES
from infra.template import stack_template
from tests.markdown import FENCE, blocks

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
CHANGELOG = ROOT / "CHANGELOG.md"
PAGES = [
    README,
    ROOT / "CONTRIBUTING.md",
    CHANGELOG,
    *sorted(DOCS.rglob("*.md")),
    *sorted(p for p in (ROOT / "imgctl").rglob("*.md") if "node_modules" not in p.parts),
]

CHECKED_LANGUAGES = {"sh", "toml", "json", "python", "mermaid"}
SHOWN_LANGUAGES = {"", "console", "text", "html", "js", "hcl"}
"""Of blocks that show an output, or what a browser or Terraform is given."""

_CODE = re.compile(r"`+[^`\n]+`+")
_LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ (?P<text>.+)$", re.MULTILINE)
_OPERATORS = ";|&<>"
_PLACEHOLDER = "COMMAND"  # of a text about all commands: `imgctl COMMAND --help`


class Link(NamedTuple):
    page: Path
    target: str

    @property
    def path(self) -> Path:
        name = self.target.partition("#")[0]
        return (self.page.parent / name).resolve() if name else self.page

    @property
    def anchor(self) -> str:
        return self.target.partition("#")[2]

    def __str__(self) -> str:
        return f"{_name(self.page)}: {self.target}"


class Example(NamedTuple):
    page: Path
    text: str
    is_whole: bool  # a line to run, not a mention in a sentence

    def __str__(self) -> str:
        return f"{_name(self.page)}: {self.text}"


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@cache
def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _prose(page: Path) -> str:
    return FENCE.sub("", _text(page))


def _blocks(page: Path, language: str) -> Iterator[str]:
    return (block.text for block in blocks(_text(page)) if block.language == language)


def relative_links(page: Path) -> list[Link]:
    targets = [match["target"] for match in _LINK.finditer(_CODE.sub("``", _prose(page)))]
    return [Link(page, target) for target in targets if not re.match(r"[a-z]+:", target)]


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to headings: lowercase, without punctuation, with hyphens."""
    headings = (match["text"].replace("`", "") for match in _HEADING.finditer(_prose(page)))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def examples() -> list[Example]:
    """The commands of shell blocks, and those that sentences mention."""
    return [example for page in PAGES if page != CHANGELOG for example in _examples(page)]


def _examples(page: Path) -> Iterator[Example]:
    for block in _blocks(page, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            for text in _commands_in(line):
                yield Example(page, text, is_whole=True)
    for match in _CODE.finditer(_prose(page)):
        mention = match[0].strip("`")
        if mention.startswith("imgctl ") and f" {_PLACEHOLDER}" not in mention:
            yield Example(page, mention, is_whole=False)


def _commands_in(line: str) -> Iterator[str]:
    if nested := re.search(r'"\$\((?P<command>.*?)\)"', line):
        yield from _commands_in(nested["command"])
        line = line.replace(nested[0], "")
    lexer = shlex.shlex(line, posix=True, punctuation_chars=_OPERATORS)
    lexer.whitespace_split = True
    words = [*lexer, ";"]
    while words:
        end = next(i for i, word in enumerate(words) if not word.strip(_OPERATORS))
        command, words = words[:end], words[end + 1 :]
        if command and command[0] == "imgctl":
            yield shlex.join(command)


def parse(arguments: list[str]) -> None:
    """Parse a command line as click does, without running it; raises click's UsageError."""
    command: click.Command = program
    context = None
    name: str | None = "imgctl"
    while True:
        context = command.make_context(name, list(arguments), parent=context)
        if not isinstance(command, click.Group):
            return
        arguments = [*context._protected_args, *context.args]  # as click's own `invoke`
        name, found, arguments = command.resolve_command(context, arguments)
        assert found is not None
        command = found


@pytest.mark.parametrize("link", [link for page in PAGES for link in relative_links(page)], ids=str)
def test_a_relative_link_resolves(link: Link) -> None:
    assert link.path.exists()
    if link.anchor:
        assert link.anchor in anchors(link.path)


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    waiting = [README]
    while waiting:
        page = waiting.pop()
        if page not in reached and page.suffix == ".md" and page.exists():
            reached.add(page)
            waiting += [link.path for link in relative_links(page)]
    pages = {page for page in PAGES if page.is_relative_to(DOCS) or page.parent == ROOT}
    assert pages - reached == set()


@pytest.mark.parametrize("example", examples(), ids=str)
def test_an_example_parses(example: Example) -> None:
    try:
        parse(shlex.split(example.text)[1:])
    except click.exceptions.Exit:  # --help, of a command that exists
        return
    except (click.MissingParameter, click.exceptions.NoArgsIsHelpError):
        assert not example.is_whole


@pytest.mark.parametrize(
    "text",
    [
        "imgctl no-such-command",
        "imgctl deploy --no-such-option",
        "imgctl local no-such-command",
        "imgctl upload",
        "imgctl resize a.jpg --jobs many",
    ],
)
def test_an_example_that_the_program_would_refuse_is_noticed(text: str) -> None:
    with pytest.raises(click.UsageError):
        parse(shlex.split(text)[1:])


def test_examples_are_found_in_pipes_and_substitutions() -> None:
    line = """imgctl init && eval "$(imgctl local status | awk '{print}')"  # imgctl nothing"""
    assert list(_commands_in(line)) == ["imgctl local status", "imgctl init"]
    assert list(_commands_in("imgctl init; A=1 && imgctl audit | cat")) == [
        "imgctl init",
        "imgctl audit",
    ]


@pytest.mark.parametrize(
    "text", [pytest.param(t, id=_name(p)) for p in PAGES for t in _blocks(p, "toml")]
)
def test_a_settings_example_is_accepted(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    tomllib.loads(text)
    Path("imgctl.toml").write_text(text, encoding="utf-8")
    assert run(["config", "--json"]) == 0, capfd.readouterr().err


@pytest.mark.parametrize(
    "text", [pytest.param(t, id=_name(p)) for p in PAGES for t in _blocks(p, "json")]
)
def test_a_json_example_is_json(text: str) -> None:
    json.loads(text)


@pytest.mark.parametrize(
    "text", [pytest.param(t, id=_name(p)) for p in PAGES for t in _blocks(p, "python")]
)
def test_a_python_example_is_python(text: str) -> None:
    ast.parse(text)


def test_every_block_is_in_a_language_that_a_test_checks() -> None:
    languages = {block.language for page in PAGES for block in blocks(_text(page))}
    assert languages - SHOWN_LANGUAGES == CHECKED_LANGUAGES


def test_every_global_option_is_documented() -> None:
    page = _text(DOCS / "reference" / "commands.md")
    options = {name for parameter in program.params for name in parameter.opts}
    assert {name for name in options - {"--version", "--help"} if f"`{name}" not in page} == set()


def test_every_command_is_in_the_reference() -> None:
    page = _text(DOCS / "reference" / "commands.md")
    names = program.list_commands(click.Context(program))
    assert [name for name in names if f"`imgctl {name}`" not in page] == []


def test_every_error_code_is_documented() -> None:
    pages = _text(DOCS / "reference" / "output.md") + _text(DOCS / "reference" / "records.md")
    codes = {
        match["code"]
        for package in ("imgctl", "infra")
        for path in (ROOT / package).rglob("*.py")
        for match in re.finditer(
            r'^    code(?:: ClassVar\[str\])? = "(?P<code>\w+)"', _text(path), re.MULTILINE
        )
    }
    bases = {"error", "picture"}  # of which no error itself is raised
    assert {code for code in codes - bases if f"`{code}`" not in pages} == set()


def test_every_attribute_of_a_record_is_documented() -> None:
    page = _text(DOCS / "reference" / "records.md")
    assert [name for name in ATTRIBUTE_NAMES if f"`{name}`" not in page] == []


def test_every_output_of_the_stack_is_documented() -> None:
    page = _text(DOCS / "reference" / "stack-outputs.md")
    outputs = stack_template().partition("\nOutputs:\n")[2]
    names = re.findall(r"^  (\w+):", outputs, re.MULTILINE)
    assert names
    assert [name for name in names if f"`{name}`" not in page] == []


@pytest.mark.parametrize(
    "package",
    [
        "imgctl/core", "imgctl/worker", "imgctl/aws", "imgctl/local", "imgctl/operations",
        "imgctl/pages", "imgctl/cli", "infra",
    ],
)  # fmt: skip
def test_every_module_has_its_place_in_the_architecture(package: str) -> None:
    page = _text(DOCS / "explanation" / "architecture.md")
    section = page.partition(f"### {package}\n")[2].partition("\n### ")[0]
    modules = {path.stem for path in (ROOT / package).glob("*.py")} - {"__init__"}
    assert {module for module in modules if f"`{module}`" not in section} == set()


def test_every_term_of_the_glossary_is_in_its_place() -> None:
    terms = re.findall(r"^### (.+)$", _text(DOCS / "glossary.md"), re.MULTILINE)
    assert terms == sorted(terms, key=str.lower)
