"""What every command is given: the settings, the voice, and AWS when it asks for it."""

import os
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imgctl.cli.settings import Settings, resolve
from imgctl.cli.ui import Ui

if TYPE_CHECKING:
    from imgctl.aws.rest_api import Api
    from imgctl.aws.session import Aws
    from imgctl.aws.stack import StackOutputs

_OPTIONS = "imgctl.options"


@dataclass
class App:
    """One run of the program."""

    settings: Settings
    ui: Ui

    @cached_property
    def aws(self) -> "Aws":
        """The AWS to speak to; the embedded one is started where it is asked for."""
        from imgctl.aws import session

        on_call = self._tell_call if self.ui.verbose else None
        if not self.settings["local"]:
            return session.connect(
                profile=self.settings["profile"], region=self.settings["region"], on_call=on_call
            )
        from imgctl.local import daemon

        folder = self.settings["local_dir"]
        start = partial(daemon.start, folder, self.settings["region"])
        if daemon.running(folder):
            endpoint = start()
        else:
            with self.ui.working("Starting the embedded AWS"):
                endpoint = start()
        return session.connect_local(
            url=endpoint.url,
            region=endpoint.region,
            access_key=endpoint.access_key,
            secret_key=endpoint.secret_key,
            on_call=on_call,
        )

    @cached_property
    def outputs(self) -> "StackOutputs":
        """The deployed stack's outputs."""
        from imgctl.aws import stack

        return stack.load_outputs(self.aws, self.settings["stack"])

    @cached_property
    def api(self) -> "Api":
        """The deployed stack's API."""
        from imgctl.aws import rest_api

        return rest_api.open_api(self.aws, self.outputs)

    @property
    def command(self) -> str:
        """How the program is called for the AWS in use, for hints."""
        local = " --local" if self.settings["local"] else ""
        stack = self.settings["stack"]
        return f"imgctl{local}" + (f" --stack {stack}" if stack != "imgctl" else "")

    def _tell_call(self, service: str, operation: str, seconds: float) -> None:
        self.ui.debug(f"{service} {operation} {seconds * 1000:.0f} ms")


def set_option(context: click.Context, setting: str, value: Any) -> None:
    """Take a setting from the command line, before `app_of` settles them all."""
    context.meta.setdefault(_OPTIONS, {})[setting] = value


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value is not None and parameter.name is not None:
        set_option(context, parameter.name, value)


def _global_options() -> list[click.Parameter]:
    """Make the options that may stand before or after a command's name."""

    def option(*names: str, about: str, metavar: str | None = None) -> click.Option:
        return click.Option(
            names,
            help=about,
            metavar=metavar,
            is_flag=metavar is None,
            default=None,
            expose_value=False,
            callback=_remember,
        )

    return [
        option("--profile", about="AWS profile.", metavar="NAME"),
        option("--region", about="AWS region.", metavar="NAME"),
        option("--stack", about="The stack's name.  [default: imgctl]", metavar="NAME"),
        option("--local", about="Use the embedded AWS on this machine."),
        option(
            "--config", about="Settings file, instead of the nearest imgctl.toml.", metavar="FILE"
        ),
        option("--json", about="Print one JSON document."),
        option("-q", "--quiet", about="Print results and errors alone."),
        option("-v", "--verbose", about="Tell of each call to AWS."),
        option("--debug", about="Show tracebacks."),
        option("--yes", about="Answer every question with yes."),
        option("--no-color", about="Print without colours."),
    ]


class Command(click.Command):
    """A command that takes the global options too, and shows an example."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = {name for parameter in self.params for name in parameter.opts}
        self.params += [p for p in _global_options() if not own & set(p.opts)]


class Group(click.Group):
    """A group of such commands."""

    command_class = Command
    group_class = type

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += _global_options()


def app_of(context: click.Context) -> App:
    """Settle the settings from what was given on the command line, once a run."""
    app = context.meta.get("imgctl.app")
    if not isinstance(app, App):
        settings = resolve(context.meta.get(_OPTIONS, {}), os.environ, Path.cwd())
        app = App(settings, make_ui(settings))
        context.meta["imgctl.app"] = app
    return app


def make_ui(settings: Settings) -> Ui:
    """Make the voice that the settings ask for."""
    return Ui(
        json_wanted=settings["json"],
        quiet=settings["quiet"],
        verbose=settings["verbose"] or settings["debug"],
        show_tracebacks=settings["debug"],
        yes=settings["yes"],
        no_color=settings["no_color"],
    )
