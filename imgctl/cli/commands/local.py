"""`imgctl local`: the embedded AWS itself."""

import click

from imgctl.cli.app import app_of
from imgctl.cli.options import Command, Group


@click.group(cls=Group, epilog="Example: imgctl local status")
def local() -> None:
    """Start, stop, look at and reset the embedded AWS."""


@local.command(cls=Command, epilog="Example: imgctl local start")
@click.pass_context
def start(context: click.Context) -> int:
    """Start the embedded AWS, which --local does by itself when it is first needed."""
    from imgctl.local import daemon

    app = app_of(context)
    with app.ui.working("Starting the embedded AWS"):
        endpoint = daemon.start(app.settings.local_dir, app.settings.region)
    app.ui.result({"running": True, "url": endpoint.url, "pid": endpoint.pid}, endpoint.url)
    return 0


@local.command(cls=Command, epilog="Example: imgctl local stop")
@click.pass_context
def stop(context: click.Context) -> int:
    """Stop the embedded AWS; what it holds is kept."""
    from imgctl.local import daemon

    app = app_of(context)
    with app.ui.working("Stopping the embedded AWS"):
        stopped = daemon.stop(app.settings.local_dir)
    if not stopped:
        app.ui.info("It was not running.")
    app.ui.result({"running": False, "stopped": stopped}, "")
    return 0


@local.command(cls=Command, epilog="Example: imgctl local status")
@click.pass_context
def status(context: click.Context) -> int:
    """Tell where the embedded AWS runs, and how other tools reach it."""
    from imgctl.cli.tables import pairs_grid
    from imgctl.local import daemon

    app = app_of(context)
    folder = app.settings.local_dir
    endpoint = daemon.running(folder)
    if endpoint is None:
        app.ui.result({"running": False, "folder": str(folder)}, f"not running; data in {folder}")
        return 0
    access = {
        "AWS_ENDPOINT_URL": endpoint.url,
        "AWS_ACCESS_KEY_ID": endpoint.access_key,
        "AWS_SECRET_ACCESS_KEY": endpoint.secret_key,
        "AWS_DEFAULT_REGION": endpoint.region,
    }
    pairs = [("running", f"process {endpoint.pid}"), ("data in", str(folder)), *access.items()]
    document = {"running": True, "pid": endpoint.pid, "folder": str(folder), "environment": access}
    app.ui.result(document, pairs_grid(pairs))
    return 0


@local.command(cls=Command, epilog="Example: imgctl local reset --yes")
@click.pass_context
def reset(context: click.Context) -> int:
    """Stop the embedded AWS and delete all that it holds."""
    from imgctl.local import daemon

    app = app_of(context)
    folder = app.settings.local_dir
    if not app.ui.confirm(f"Delete the embedded AWS's data in {folder}?"):
        app.ui.info("Nothing was changed.")
        return 1
    daemon.reset(folder)
    app.ui.result({"running": False, "reset": True}, "")
    return 0


@local.command(cls=Command, epilog="Example: imgctl local logs")
@click.option("-n", "--lines", default=50, show_default=True, help="How many lines, from the end.")
@click.pass_context
def logs(context: click.Context, *, lines: int) -> int:
    """Print the end of the embedded AWS's own log."""
    from imgctl.cli.text import printable

    app = app_of(context)
    path = app.settings.local_dir / "server.log"
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    tail = [printable(line) for line in text.splitlines()[-lines:]]
    app.ui.result({"path": str(path), "lines": tail}, "\n".join(tail))
    return 0
