"""What every command works with: the settings, the UI, and AWS once it is needed."""

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgctl.cli.errors import FileError
from imgctl.cli.invocation import invocation
from imgctl.cli.options import given_options
from imgctl.cli.resolved_settings import ResolvedSettings, resolve
from imgctl.cli.settings import Settings
from imgctl.cli.ui import Ui
from infra.names import DEFAULT_STACK

if TYPE_CHECKING:
    import click

    from imgctl.aws.rest_api import Api
    from imgctl.aws.session import Aws
    from imgctl.aws.stack import StackOutputs

_APP = "imgctl.app"
_REPEATED_OPTIONS = {
    "profile": "--profile",
    "assume_role": "--role-arn",
    "region": "--region",
    "config": "--config",
}


@dataclass
class App:
    """One run of the program.

    `program` is how to call it for the same stack: `imgctl` with the options that were given.
    """

    resolved: ResolvedSettings
    ui: Ui
    program: str

    @property
    def settings(self) -> Settings:
        """The settings' values."""
        return self.resolved.settings

    @cached_property
    def aws(self) -> "Aws":
        """The AWS in use; the embedded one is started if necessary.

        Raises WrongAccount for another account than the setting `account` allows. The embedded AWS
        is no account, and the setting does not apply to it.
        """
        from imgctl.aws import session
        from imgctl.aws.account_check import check_account

        settings = self.settings
        on_call = self._log_call if self.ui.verbose else None
        if not settings.local:
            file = self.resolved.file
            if (profile := self.resolved.found_in_file("profile")) is not None:
                self.ui.info(f"Using the AWS profile {profile} from {file}.")
            if (role := self.resolved.found_in_file("assume_role")) is not None:
                self.ui.info(f"Assuming the role {role} from {file}.")
            aws = session.connect(
                profile=settings.profile,
                region=settings.region,
                on_call=on_call,
                prompt=self.ui.ask_secret if self.ui.interactive else None,
                role_arn=settings.assume_role,
            )
            if settings.account is not None:
                check_account(aws, settings.account, self.resolved.origins["account"])
            return aws
        from imgctl.local import daemon

        start = partial(daemon.start, settings.local_dir, settings.region)
        if daemon.running(settings.local_dir):
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

        return stack.load_outputs(self.aws, self.settings.stack)

    @cached_property
    def api(self) -> "Api":
        """The deployed stack's API."""
        from imgctl.aws import rest_api

        return rest_api.open_api(self.aws, self.outputs)

    def _log_call(self, service: str, operation: str, seconds: float) -> None:
        self.ui.debug(f"{service} {operation} {seconds * 1000:.0f} ms")


def app_of(context: "click.Context") -> App:
    """Return the run's App; the settings are resolved once."""
    app = context.meta.get(_APP)
    if not isinstance(app, App):
        options = given_options(context)
        resolved = resolve(options, os.environ, _working_folder())
        app = App(resolved, make_ui(resolved.settings), program_for(options, resolved.settings))
        context.meta[_APP] = app
        if resolved.ignored is not None:
            app.ui.warn(
                f"Ignored {resolved.ignored}, which belongs to another user. Pass it with --config"
                " to use it."
            )
    return app


def _working_folder() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise FileError(
            "The working folder no longer exists.", hint="Change to another folder."
        ) from error


def program_for(options: Mapping[str, Any], settings: Settings | None = None) -> str:
    """Return how to call imgctl for the same stack, with the options that were given.

    `--local` and `--stack` are included even if a variable or the file sets them: a hint that is
    copied to another shell must not lead to the default stack of a real account.
    """
    words = list(invocation())
    if options.get("local") or (settings is not None and settings.local):
        words.append("--local")
    stack = options.get("stack")
    if stack is None and settings is not None and settings.stack != DEFAULT_STACK:
        stack = settings.stack
    given = {"--stack": stack}
    given |= {option: options.get(name) for name, option in _REPEATED_OPTIONS.items()}
    for option, value in given.items():
        if value is not None:
            words += [option, str(value)]
    return shlex.join(words)


def make_ui(settings: Settings) -> Ui:
    """Return the UI that the settings ask for."""
    return Ui(
        json_wanted=settings.json,
        quiet=settings.quiet,
        verbose=settings.verbose or settings.debug,
        show_tracebacks=settings.debug,
        yes=settings.yes,
        no_color=settings.no_color,
    )
