"""`imgctl logs`."""

from datetime import timedelta

import click

from imgctl.cli.app import app_of
from imgctl.cli.options import Command, completer
from imgctl.cli.params import Bounded, TimeParam, age


@click.command(
    cls=Command,
    examples=[
        "imgctl logs --since 1d --errors",
        "imgctl logs --follow",
        "imgctl logs --key holiday/cake.jpg --since 2026-11-23",
        "imgctl logs --api",
    ],
)
@click.option("-f", "--follow", is_flag=True, help="Print new lines as they come, until Ctrl-C.")
@click.option(
    "--since", type=TimeParam(),
    help="Start time: date, timestamp, or age such as 2h.  [default: 1h, with --follow 10m]",
)  # fmt: skip
@click.option("--api", "of_api", is_flag=True, help="The access log of the REST API.")
@click.option("--request-id", metavar="ID", help="Only lines of this request.")
@click.option("--key", shell_complete=completer("keys"), help="Only lines about this object key.")
@click.option("--errors", "only_errors", is_flag=True, help="Only lines that report a failure.")
@click.option("--raw", is_flag=True, help="Print each line as it was written.")
@click.option(
    "--limit", type=Bounded(click.IntRange(1)), metavar="N",
    help="Only the newest N lines; with --follow, stop after N.",
)  # fmt: skip
@click.pass_context
def logs(
    context: click.Context,
    *,
    follow: bool,
    since: str | None,
    of_api: bool,
    request_id: str | None,
    key: str | None,
    only_errors: bool,
    raw: bool,
    limit: int | None,
) -> int:
    """Print the log of the function, or of the API, oldest line first.

    Times are those of your time zone. Of what Lambda itself logs, only its report of each
    invocation is shown; --verbose and --raw show everything.
    """
    from imgctl.cli.log_listing import LogFormat, follow_log, print_log
    from imgctl.operations.log_reading import LogQuery

    app = app_of(context)
    if raw and app.ui.json_wanted:
        raise click.UsageError("Use one of --json and --raw.")
    outputs = app.outputs
    query = LogQuery(
        group=outputs.api_log_group if of_api else outputs.function_log_group,
        since=since or age(timedelta(minutes=10 if follow else 60)),
        key=key,
        request_id=request_id,
        only_errors=only_errors,
        is_access_log=of_api,
    )
    log_format = LogFormat.RAW if raw else LogFormat.TEXT
    log_format = LogFormat.JSON_LINES if app.ui.json_wanted else log_format
    if of_api and app.settings.local:
        app.ui.info("The embedded AWS writes no access log of the API.")
    (follow_log if follow else print_log)(app, query, limit, log_format)
    return 0
