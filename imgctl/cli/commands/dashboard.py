"""`imgctl dashboard`."""

import click

from imgctl.cli.app import app_of
from imgctl.cli.options import Command


@click.command(cls=Command, examples=["imgctl dashboard", "imgctl dashboard --no-open"])
@click.option("--no-open", is_flag=True, help="Only print the address.")
@click.pass_context
def dashboard(context: click.Context, *, no_open: bool) -> int:
    """Open the stack's CloudWatch dashboard in the browser.

    Its address is printed as well. Off a terminal, with --json, and where no browser has a window,
    it is only printed.
    """
    from imgctl.aws.console import dashboard_url
    from imgctl.cli.browser import should_open
    from imgctl.cli.operating_documents import DashboardDocument

    app = app_of(context)
    name = app.outputs.dashboard
    url = dashboard_url(app.aws, name)
    app.ui.result(DashboardDocument(name=name, url=url), url)
    if should_open(app.ui, no_open=no_open):
        click.launch(url)
    return 0
