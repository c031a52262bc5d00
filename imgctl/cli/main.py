"""The program `imgctl`: its commands, and the one place where errors become exit codes."""

import importlib
import os
import sys
import traceback
from typing import Any

import click
from click.shell_completion import shell_complete

from imgctl import __version__
from imgctl.cli.app import Group, app_of, make_ui
from imgctl.cli.settings import SettingsError, resolve
from imgctl.cli.ui import Ui
from imgctl.core.errors import ImgctlError

FAILED, USAGE, ACCESS, INTERRUPTED = 1, 2, 3, 130

_COMPLETE = "_IMGCTL_COMPLETE"  # set by the shell, for completion

# In the order of a first acquaintance; each is the command of the module of its name.
_COMMANDS = (
    "demo", "init", "deploy", "upload", "history", "show", "resize",
    "audit", "reprocess", "redrive", "package", "publish", "versions", "rollback", "destroy",
    "local", "config",
)  # fmt: skip


class FileError(ImgctlError):
    """A file or folder cannot be read or written."""

    code = "file"


class _Commands(Group):
    """Commands, imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"imgctl.cli.commands.{cmd_name}")
        command = getattr(module, cmd_name)
        assert isinstance(command, click.Command)
        return command


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Try it without an AWS account: imgctl demo",
)
@click.version_option(__version__, prog_name="imgctl")
def imgctl() -> None:
    """Deploy and drive a serverless image pipeline on AWS.

    A photograph that arrives in the source bucket is halved into the destination bucket, and a
    record of it is kept in a table.
    """


def main() -> None:
    """Run the program and end the process with its exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the program; gives the exit code of the contract."""
    context: click.Context | None = None
    if instruction := os.environ.get(_COMPLETE):
        return shell_complete(imgctl, {}, "imgctl", _COMPLETE, instruction)
    try:
        context = imgctl.make_context("imgctl", list(arguments))
        with context:
            outcome = imgctl.invoke(context)
        return outcome if isinstance(outcome, int) else 0
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except (KeyboardInterrupt, EOFError):
        _ui(context, arguments).error("interrupted", "Interrupted.", "")
        return INTERRUPTED
    except click.exceptions.Abort:
        _ui(context, arguments).error("interrupted", "Interrupted.", "")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has gone; nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 0
    except click.ClickException as error:
        where = (
            error.ctx.command_path
            if isinstance(error, click.UsageError) and error.ctx
            else "imgctl"
        )
        _ui(context, arguments).error("usage", error.format_message(), f"See {where} --help.")
        return USAGE
    except Exception as error:
        return _fail(error, _ui(context, arguments))


def _fail(error: Exception, ui: Ui) -> int:
    known = error if isinstance(error, ImgctlError) else _translated(error)
    if ui.show_tracebacks:
        traceback.print_exception(error)
    if known is None:
        message = f"imgctl itself failed: {type(error).__name__}: {error}"
        ui.error("internal", message, "Run it again with --debug, and report what it prints.")
        return FAILED
    ui.error(known.code, known.message, known.hint)
    return _exit_code(known)


def _translated(error: Exception) -> ImgctlError | None:
    if "botocore" in sys.modules:
        from imgctl.aws.errors import translate

        if (translated := translate(error)) is not None:
            return translated
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return FileError(f"{where}{error.strerror}.", hint="Check the path, and who may use it.")
    return None


def _exit_code(error: ImgctlError) -> int:
    if isinstance(error, SettingsError):
        return USAGE
    if "imgctl.aws.errors" in sys.modules:
        from imgctl.aws.errors import AccessError

        if isinstance(error, AccessError):
            return ACCESS
    return FAILED


def _ui(context: click.Context | None, arguments: list[str]) -> Ui:
    """Give the run's voice; where the settings themselves are at fault, one of last resort."""
    try:
        if context is not None:
            return app_of(context).ui
    except ImgctlError:
        pass
    wanted: dict[str, Any] = {"json": True} if "--json" in arguments else {}
    environ = {k: v for k, v in os.environ.items() if k in ("IMGCTL_JSON", "IMGCTL_NO_COLOR")}
    try:
        return make_ui(resolve(wanted, environ, None))
    except ImgctlError:
        return make_ui(resolve(wanted, {}, None))
