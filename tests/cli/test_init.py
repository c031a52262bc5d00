import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from imgctl.cli.resolved_settings import resolve
from imgctl.cli.settings import FILE_NAME, SETTINGS
from infra.setting_spec import RenditionTables
from infra.tags import TagTable
from tests.cli_result import CliResult

Imgctl = Callable[..., CliResult]
HEADS = {RenditionTables: "[[{}]]\n", TagTable: "[{}]\n"}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for spec in SETTINGS:
        monkeypatch.delenv(spec.variable, raising=False)
    return tmp_path


def test_the_file_contains_all_settings_as_comments_with_their_defaults(
    imgctl: Imgctl, here: Path
) -> None:
    done = imgctl("init").succeeded()
    text = (here / FILE_NAME).read_text()
    assert done.out == f"{here / FILE_NAME}\n"
    assert tomllib.loads(text) == {}
    for spec in SETTINGS:
        beginning = f"# {HEADS.get(type(spec.kind), '{} = ').format(spec.name)}"
        assert (beginning in text) == spec.in_file
        assert spec.description


def test_uncommented_defaults_are_the_defaults(imgctl: Imgctl, here: Path) -> None:
    imgctl("init").succeeded()
    lines = (here / FILE_NAME).read_text().partition("# [tags]")[0].splitlines()
    entries = [line[2:] for line in lines if " = " in line and '"..."' not in line]
    (here / FILE_NAME).write_text("\n".join(entries))
    resolved = resolve({}, {}, here)
    for spec in SETTINGS:
        if spec.in_file and spec.default is not None:
            assert resolved.value(spec.name) == spec.default, spec.name
            assert resolved.origins[spec.name].startswith(str(here)), spec.name


def test_given_options_are_set_in_the_file(imgctl: Imgctl, here: Path) -> None:
    imgctl("init", "--region", "eu-west-2", "--stack", "photos", "--local").succeeded()
    values = tomllib.loads((here / FILE_NAME).read_text())
    assert values == {"region": "eu-west-2", "stack": "photos", "local": True}


def test_the_example_of_renditions_can_be_used_as_it_is(imgctl: Imgctl, here: Path) -> None:
    imgctl("init").succeeded()
    text = (here / FILE_NAME).read_text()
    beginning, table, rest = text.partition("# [[renditions]]")
    (here / FILE_NAME).write_text(beginning + (table + rest).replace("# ", ""))
    renditions = resolve({}, {}, here).settings.stack_settings.rendition_set
    assert renditions.names == ("half", "web", "thumb")


def test_given_renditions_are_set_in_the_file(
    imgctl: Imgctl, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = [{"name": "web", "prefix": "web/", "fit": "16x16"}]
    monkeypatch.setenv("IMGCTL_RENDITIONS", json.dumps(tables))
    imgctl("init").succeeded()
    assert tomllib.loads((here / FILE_NAME).read_text()) == {"renditions": tables}


def test_given_tags_are_set_in_the_file(
    imgctl: Imgctl, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tags = {"team": "photos", "cost center": "42"}
    monkeypatch.setenv("IMGCTL_TAGS", json.dumps(tags))
    imgctl("init").succeeded()
    assert tomllib.loads((here / FILE_NAME).read_text()) == {"tags": tags}


def test_an_existing_file_is_not_changed(imgctl: Imgctl, here: Path) -> None:
    (here / FILE_NAME).write_text('stack = "mine"\n')
    done = imgctl("init")
    assert done.code == 1
    assert "exists" in done.err
    assert (here / FILE_NAME).read_text() == 'stack = "mine"\n'
