"""`imgctl init`."""

import json
import re
import textwrap
from pathlib import Path
from typing import Any

import click

from imgctl.cli.app import app_of
from imgctl.cli.documents import InitDocument
from imgctl.cli.options import Command
from imgctl.cli.resolved_settings import ResolvedSettings
from imgctl.cli.settings import FILE_NAME, SETTINGS
from imgctl.cli.text import printable
from imgctl.core.errors import ImgctlError
from infra.setting_spec import RenditionTables, SettingSpec
from infra.tags import TagTable

_HEAD = """\
# Settings of imgctl for this folder and those below it. An option on the
# command line takes precedence over its IMGCTL_* variable, and the variable
# over this file. "imgctl config" shows each value and its origin.
"""


class FileExists(ImgctlError):
    """The settings file already exists."""

    code = "exists"


@click.command(
    cls=Command, examples=["imgctl init", "imgctl init --region eu-west-2 --stack photos"]
)
@click.pass_context
def init(context: click.Context) -> int:
    """Write a commented imgctl.toml to this folder.

    Settings given as options or variables are set in it; all others are included as comments with
    their defaults.
    """
    app = app_of(context)
    path = Path(FILE_NAME).absolute()
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(settings_file(app.resolved))
    except FileExistsError as error:
        raise FileExists(
            f"{path} already exists.", hint="Edit it, or remove it and run the command again."
        ) from error
    app.ui.result(InitDocument(path=str(path)), printable(str(path)))
    return 0


def settings_file(resolved: ResolvedSettings) -> str:
    """Return the text of imgctl.toml: each setting below its description."""
    return _HEAD + "".join(_entry(resolved, spec) for spec in SETTINGS if spec.in_file)


def _entry(resolved: ResolvedSettings, spec: SettingSpec) -> str:
    # A file that is found may not say where the embedded AWS has its data.
    is_given = resolved.is_given(spec.name) and spec.name != "local_dir"
    default = spec.default if spec.example is None else spec.example
    value = resolved.value(spec.name) if is_given else default
    match spec.kind:
        case RenditionTables():
            text = "\n".join(_table(f"[[{spec.name}]]", item) for item in json.loads(str(value)))
        case TagTable():
            text = _table(f"[{spec.name}]", json.loads(str(value)))
        case _:
            text = f"{spec.name} = {_toml(value)}"
    text = text if is_given else textwrap.indent(text, "# ")
    comment = textwrap.fill(_comment(spec), 78, initial_indent="# ", subsequent_indent="# ")
    return f"\n{comment}\n{text}\n"


def _table(head: str, table: dict[str, Any]) -> str:
    return "\n".join((head, *(f"{_key(key)} = {_toml(value)}" for key, value in table.items())))


def _key(name: str) -> str:
    """Return a key, in quotes unless it may stand without them (TOML 1.0, "Keys")."""
    return name if re.fullmatch(r"[\w-]+", name, re.ASCII) else _toml(name)


def _comment(spec: SettingSpec) -> str:
    """Return the description, with the default where the line below does not show it."""
    shown = spec.default is not None
    return spec.description if shown else f"{spec.description} Default: {spec.default_text}."


def _toml(value: Any) -> str:
    if value is None:
        return '"..."'
    if isinstance(value, bool | int | float):
        return str(value).lower()
    # A JSON string is a valid basic string of TOML 1.0.
    return json.dumps(str(value), ensure_ascii=False)
