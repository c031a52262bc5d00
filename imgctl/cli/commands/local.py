"""`imgctl local`: manages the embedded AWS."""

import click

from imgctl.cli.app import app_of
from imgctl.cli.options import Command, Group
from imgctl.cli.params import Bounded

_POLL_S = 0.2


@click.group(cls=Group, examples=["imgctl local status", "imgctl local logs --follow"])
def local() -> None:
    """Manage the embedded AWS."""


@local.command(cls=Command, examples=["imgctl local start"])
@click.pass_context
def start(context: click.Context) -> int:
    """Start the embedded AWS.

    Not needed before other commands: --local starts it automatically.
    """
    from imgctl.cli.stack_documents import LocalStartDocument
    from imgctl.local import daemon

    app = app_of(context)
    with app.ui.working("Starting the embedded AWS"):
        endpoint = daemon.start(app.settings.local_dir, app.settings.region)
    document = LocalStartDocument(running=True, url=endpoint.url, pid=endpoint.pid)
    app.ui.result(document, endpoint.url)
    return 0


@local.command(cls=Command, examples=["imgctl local stop"])
@click.pass_context
def stop(context: click.Context) -> int:
    """Stop the embedded AWS and keep its data.

    It waits up to 10 seconds for events that the function is processing. What it did not finish is
    kept and delivered again by the next start.
    """
    from imgctl.cli.stack_documents import LocalStopDocument
    from imgctl.local import daemon

    app = app_of(context)
    with app.ui.working("Stopping the embedded AWS"):
        stopped = daemon.stop(app.settings.local_dir)
    pending = 0 if stopped is None else stopped.pending_events
    if stopped is None:
        app.ui.info("It was not running.")
    elif pending:
        app.ui.info(f"Events kept for the next start: {pending}.")
    document = LocalStopDocument(running=False, stopped=stopped is not None, pending_events=pending)
    app.ui.result(document, "")
    return 0


@local.command(cls=Command, examples=["imgctl local status", "imgctl local status --json"])
@click.pass_context
def status(context: click.Context) -> int:
    """Show whether the embedded AWS is running.

    If it is, prints the environment variables with which other AWS tools connect to it.
    """
    from imgctl.cli.stack_documents import LocalRunningDocument, LocalStoppedDocument
    from imgctl.cli.tables import pairs_grid
    from imgctl.local import daemon

    app = app_of(context)
    folder = app.settings.local_dir
    endpoint = daemon.running(folder)
    if endpoint is None:
        stopped = LocalStoppedDocument(running=False, folder=str(folder))
        app.ui.result(stopped, f"not running; data in {folder}")
        return 0
    access = {
        "AWS_ENDPOINT_URL": endpoint.url,
        "AWS_ACCESS_KEY_ID": endpoint.access_key,
        "AWS_SECRET_ACCESS_KEY": endpoint.secret_key,
        "AWS_DEFAULT_REGION": endpoint.region,
    }
    pairs = [("running", f"process {endpoint.pid}"), ("data in", str(folder)), *access.items()]
    document = LocalRunningDocument(
        running=True, pid=endpoint.pid, folder=str(folder), environment=access
    )
    app.ui.result(document, pairs_grid(pairs))
    return 0


@local.command(cls=Command, examples=["imgctl local reset", "imgctl local reset --yes"])
@click.pass_context
def reset(context: click.Context) -> int:
    """Stop the embedded AWS and delete its data."""
    from imgctl.cli.stack_documents import LocalResetDocument
    from imgctl.local import daemon

    app = app_of(context)
    folder = app.settings.local_dir
    if not app.ui.confirm(f"Delete the embedded AWS's data in {folder}?"):
        app.ui.info("Nothing was changed.")
        return 1
    daemon.reset(folder)
    app.ui.result(LocalResetDocument(running=False, reset=True), "")
    return 0


@local.command(cls=Command, examples=["imgctl local logs -n 100", "imgctl local logs --follow"])
@click.option(
    "-n", "--lines", type=Bounded(click.IntRange(min=0)), default=50, show_default=True,
    metavar="N", help="Number of lines.",
)  # fmt: skip
@click.option("-f", "--follow", is_flag=True, help="Print new lines as they come, until Ctrl-C.")
@click.pass_context
def logs(context: click.Context, *, lines: int, follow: bool) -> int:
    """Print the end of the embedded AWS's log.

    With --follow it continues when the embedded AWS is restarted.
    """
    import time

    from imgctl.cli.stack_documents import LocalLogsDocument
    from imgctl.local import log_file

    app = app_of(context)
    folder = app.settings.local_dir
    if follow:
        if app.ui.json_wanted:
            raise click.UsageError("--json prints one document, so it cannot follow the log.")
        for line in log_file.follow(folder, lines, lambda: time.sleep(_POLL_S)):
            app.ui.print(line)
    tail = list(log_file.tail(folder, lines))
    document = LocalLogsDocument(path=str(folder / log_file.NAME), lines=tail)
    app.ui.result(document, "\n".join(tail))
    return 0
