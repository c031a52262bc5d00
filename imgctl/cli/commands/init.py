"""`imgctl init`."""

import json
import textwrap
from pathlib import Path
from typing import Any

import click

from imgctl.cli.app import App, Command, app_of
from imgctl.cli.settings import FILE_NAME, KEYS, Key
from imgctl.core.errors import ImgctlError

_HEAD = """\
# Settings of imgctl, for this folder and those below it. An option on the
# command line wins over its IMGCTL_* variable, and that over this file.
# `imgctl config` shows each value and its origin.
"""


class FileExists(ImgctlError):
    """There is such a file already."""

    code = "exists"


@click.command(cls=Command, epilog="Example: imgctl init --region eu-west-2 --stack photos")
@click.pass_context
def init(context: click.Context) -> int:
    """Write a commented imgctl.toml into this folder.

    What is given as an option or a variable is set in it; all else stands there as a comment, with
    its default.
    """
    app = app_of(context)
    path = Path(FILE_NAME).absolute()
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(settings_file(app))
    except FileExistsError as error:
        raise FileExists(
            f"{path} exists.", hint="Change it by hand, or remove it and run the command again."
        ) from error
    app.ui.result({"path": str(path)}, str(path))
    return 0


def settings_file(app: App) -> str:
    """Give the file's text: each setting below what it is for."""
    return _HEAD + "".join(_entry(app, key) for key in KEYS if key.in_file)


def _entry(app: App, key: Key) -> str:
    setting = app.settings.by_name[key.name]
    chosen = setting.origin.startswith(("--", "IMGCTL_"))
    default = key.default if key.example is None else key.example
    line = f"{key.name} = {_toml(setting.value if chosen else default)}"
    about = textwrap.fill(key.about, 78, initial_indent="# ", subsequent_indent="# ")
    return f"\n{about}\n{line if chosen else f'# {line}'}\n"


def _toml(value: Any) -> str:
    if value is None:
        return '"..."'
    if isinstance(value, bool | int | float):
        return str(value).lower()
    # A basic string of TOML 1.0 takes what JSON's does.
    return json.dumps(str(value), ensure_ascii=False)
