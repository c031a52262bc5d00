"""The program `imgctl`: its commands, and the one place where errors become exit codes."""

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from imgctl import __version__
from imgctl.cli.options import Command, Group, given_options
from imgctl.cli.streams import discard_stdout, open_missing_streams

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from imgctl.cli.ui import Ui
    from imgctl.core.errors import ImgctlError

FAILED, USAGE, ACCESS, INTERRUPTED = 1, 2, 3, 130

COMPLETION_VARIABLE = "_IMGCTL_COMPLETE"
"""Set by the shell when it asks what to complete."""

# Each is the command of the module of its name, in the order in which a new user needs them. The
# text is the first line of its help, written down here so that a list imports no command.
COMMANDS = {
    "demo": "Run the whole pipeline on this machine, without an AWS account",
    "init": "Write a commented imgctl.toml to this folder",
    "deploy": "Create or update the stack",
    "upload": "Upload images and follow them to their results",
    "history": "List processed images, newest first",
    "gallery": "Show images and their results in a browser, live",
    "show": "Show one record in full",
    "stats": "Summarize processed images: counts, sizes, durations",
    "download": "Download the results of uploads, by the uploads' keys",
    "trace": "Show what happened to an upload, as one timeline",
    "presign": "Print a URL that works without AWS credentials, for some time",
    "resize": "Resize images on this machine, as the function does in AWS",
    "audit": "Check that every original has a current record and its output",
    "reprocess": "Send originals to the function again",
    "redrive": "Resend dead-letter messages to the function",
    "erase": "Delete an image for good: all versions, outputs and records",
    "reindex": "Add records to the indexes that `history` reads",
    "doctor": "Check the stack, and say how to mend what is wrong",
    "status": "Show the stack's state, alarms, dead letters and today's work",
    "outputs": "Print the stack's outputs, or the value of one of them",
    "logs": "Print the log of the function, or of the API, oldest line first",
    "invoke": "Invoke the live function and print its answer and log",
    "dashboard": "Open the stack's CloudWatch dashboard in the browser",
    "cost": "Estimate what a month costs, item by item",
    "package": "Build the function's bundle",
    "publish": "Publish the function's code as a new version and make it live",
    "versions": "List the function's versions and what differs between them",
    "rollback": "Make an earlier version of the function live",
    "destroy": "Delete the stack",
    "template": "Print the template, to deploy it with other tools",
    "policy": "Print an IAM policy with the exact names of the stack",
    "local": "Manage the embedded AWS",
    "config": "Print each setting with its value and origin",
    "completion": "Print the completion script of a shell",
}


class _Commands(Group):
    """Commands, each imported only when it is run or asked for help."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = __import__(f"imgctl.cli.commands.{cmd_name}", fromlist=[cmd_name])
        command = getattr(module, cmd_name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:  # it knows no names, because nothing is imported
            raise click.NoSuchCommand(error.command_name, possibilities=COMMANDS, ctx=ctx) from None

    def summary_of(self, ctx: click.Context, name: str) -> str:  # noqa: ARG002
        return COMMANDS[name]

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        from click.shell_completion import CompletionItem

        names = [name for name in COMMANDS if name.startswith(incomplete)]
        items = [CompletionItem(name, help=COMMANDS[name]) for name in names]
        return [*items, *click.Command.shell_complete(self, ctx, incomplete)]


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    examples=[
        "imgctl demo",
        "imgctl upload holiday/ --recursive --prefix holiday",
        "imgctl history",
    ],
)
@click.version_option(__version__, prog_name="imgctl")
def imgctl() -> None:
    """Deploy and operate a serverless image pipeline on AWS.

    An image that arrives in the source bucket is resized into the destination bucket, and a record
    of it is stored in a table.
    """


def main() -> None:
    """Run the program and end the process with its exit code."""
    code = run(sys.argv[1:])
    if code == INTERRUPTED:  # at once: threads may still be sending or waiting
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):
                stream.flush()
        os._exit(code)
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run the program, and return its exit code."""
    open_missing_streams()
    context: click.Context | None = None
    if instruction := os.environ.get(COMPLETION_VARIABLE):
        return _complete(instruction)
    try:
        context = imgctl.make_context("imgctl", list(arguments))
        with context:
            code = imgctl.invoke(context)
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except (KeyboardInterrupt, EOFError, click.exceptions.Abort) as error:
        if isinstance(error, click.exceptions.Abort) and sys.stderr.isatty():
            click.echo(err=True)  # ends the line of the prompt
        _ui(context, arguments).error("interrupted", "Interrupted.", "")
        return INTERRUPTED
    except BrokenPipeError:
        discard_stdout()  # its reader has closed it: nothing can be reported
        return FAILED
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 0
    except click.ClickException as error:
        failed = error.ctx if isinstance(error, click.UsageError) else None
        message = error.format_message().replace("\n\t", " ")  # a list of choices
        _ui(context, arguments).error("usage", message, _usage_hint(failed))
        return USAGE
    except Exception as error:
        return _fail(error, context, arguments)


def _usage_hint(failed: click.Context | None) -> str:
    """Return the form of the command that was called wrongly, with an example."""
    if failed is None:
        return "See imgctl --help."
    lines = [f"See {failed.command_path} --help."]
    command = failed.command
    if isinstance(command, Command):
        usage = " ".join(command.collect_usage_pieces(failed))
        lines = [f"Usage: {failed.command_path} {usage}", f"Example: {command.examples[0]}", *lines]
    return "\n".join(lines)


def _complete(instruction: str) -> int:
    from click.shell_completion import shell_complete

    sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 (not at the prompt)
    return shell_complete(imgctl, {}, "imgctl", COMPLETION_VARIABLE, instruction)


def _fail(error: Exception, context: click.Context | None, arguments: list[str]) -> int:
    from imgctl.cli.text import printable_lines
    from imgctl.core.errors import ImgctlError
    from imgctl.links import project_url

    ui = _ui(context, arguments)
    known = error if isinstance(error, ImgctlError) else _translated(error)
    if ui.show_tracebacks:
        import traceback

        click.echo(printable_lines("".join(traceback.format_exception(error))), err=True, nl=False)
    if known is None:
        message = f"Internal error: {type(error).__name__}: {error}"
        where = project_url("Issues") or "the project's issue tracker"
        ui.error("internal", message, f"Run it again with --debug and report the output: {where}")
        return FAILED
    ui.error(known.code, known.message, known.hint_for(_program(context)))
    return _exit_code(known)


def _program(context: click.Context | None) -> str:
    """Return how to call imgctl for the same stack, even if the settings are at fault."""
    from imgctl.cli.app import app_of, program_for
    from imgctl.core.errors import ImgctlError

    if context is None:
        return program_for({})
    try:
        return app_of(context).program
    except ImgctlError:
        return program_for(given_options(context))


def _translated(error: Exception) -> "ImgctlError | None":
    from imgctl.cli.errors import FileError

    if "botocore" in sys.modules:
        from imgctl.aws.errors import translate

        if (translated := translate(error)) is not None:
            return translated
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return FileError(f"{where}{error.strerror}.", hint="Check the path and its permissions.")
    return None


def _exit_code(error: "ImgctlError") -> int:
    from imgctl.core.errors import InvalidInput

    if isinstance(error, InvalidInput):
        return USAGE
    if "imgctl.aws.errors" in sys.modules:
        from imgctl.aws.errors import AccessError

        if isinstance(error, AccessError):
            return ACCESS
    return FAILED


def _ui(context: click.Context | None, arguments: list[str]) -> "Ui":
    """Return the run's UI, or a plain one where the settings themselves are invalid."""
    from imgctl.cli.app import app_of, make_ui
    from imgctl.cli.resolved_settings import resolve
    from imgctl.core.errors import ImgctlError

    try:
        if context is not None:
            return app_of(context).ui
    except ImgctlError:
        pass
    options = {"json": True} if "--json" in arguments else {}
    environ = {k: v for k, v in os.environ.items() if k in ("IMGCTL_JSON", "IMGCTL_NO_COLOR")}
    try:
        return make_ui(resolve(options, environ, None).settings)
    except ImgctlError:
        return make_ui(resolve(options, {}, None).settings)
