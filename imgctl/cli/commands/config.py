"""`imgctl config`."""

import click

from imgctl.cli.app import Command, app_of


@click.command(cls=Command, epilog="Example: imgctl config")
@click.pass_context
def config(context: click.Context) -> int:
    """Print each setting's value, and where it came from."""
    from imgctl.cli.tables import settings_grid

    app = app_of(context)
    settings = app.settings.by_name
    document = {
        "file": None if app.settings.file is None else str(app.settings.file),
        "settings": {
            name: {
                "value": setting.value
                if isinstance(setting.value, str | bool | int | None)
                else str(setting.value),
                "origin": setting.origin,
            }
            for name, setting in settings.items()
        },
    }
    app.ui.result(document, settings_grid(settings))
    return 0
