"""`imgctl config`."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imgctl.cli.app import app_of
from imgctl.cli.options import Command

if TYPE_CHECKING:
    from infra.setting_spec import SettingValue


@click.command(cls=Command, examples=["imgctl config", "imgctl config --stack photos --json"])
@click.pass_context
def config(context: click.Context) -> int:
    """Print each setting with its value and origin."""
    from imgctl.cli.documents import ConfigDocument
    from imgctl.cli.settings import SETTINGS
    from imgctl.cli.tables import settings_grid
    from infra.version_settings import described

    app = app_of(context)
    resolved = app.resolved
    values = {spec.name: resolved.value(spec.name) for spec in SETTINGS}
    tables = values["renditions"]
    document = ConfigDocument(
        file=None if resolved.file is None else str(resolved.file),
        settings={
            name: {"value": _plain(name, value), "origin": resolved.origins[name]}
            for name, value in values.items()
        },
    )
    values["renditions"] = None if tables is None else described(str(tables))
    here = f"{Path.cwd()}{os.sep}"
    origins = {name: origin.removeprefix(here) for name, origin in resolved.origins.items()}
    app.ui.result(document, settings_grid(values, origins))
    return 0


def _plain(
    name: str, value: "SettingValue"
) -> "str | int | list[dict[str, str | int]] | dict[str, str] | None":
    if name in ("renditions", "tags") and value is not None:
        tables: list[dict[str, str | int]] | dict[str, str] = json.loads(str(value))
        return tables
    return str(value) if isinstance(value, Path) else value
