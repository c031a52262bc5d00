"""`imgctl versions`."""

from typing import TYPE_CHECKING

import click

from imgctl.cli.app import app_of
from imgctl.cli.options import Command

if TYPE_CHECKING:
    from imgctl.cli.stack_documents import VersionsDocument


@click.command(cls=Command, examples=["imgctl versions", "imgctl versions --json"])
@click.pass_context
def versions(context: click.Context) -> int:
    """List the function's versions and what differs between them.

    The newest comes first, and the live one is marked, or during a gradual release what part of the
    invocations each takes. A version consists of the function's code and settings.
    """
    from imgctl.cli.live_versions import version_document
    from imgctl.cli.versions_view import VersionsView, common_settings
    from infra.function_version import list_versions, live_versions

    app = app_of(context)
    function = app.outputs.function
    live = live_versions(app.aws.lambda_, function)
    published = list_versions(app.aws.lambda_, function)
    older = [*published[1:], None]
    document: VersionsDocument = {
        "live": live.number,
        "versions": [
            version_document(version, before, live)
            for version, before in zip(published, older, strict=True)
        ],
    }
    app.ui.result(document, VersionsView(published, live))
    if live.number is None:
        app.ui.warn(
            "No version is live: the alias points at $LATEST, so that every change of the function"
            f" is live at once. `{app.program} deploy --revert-drift` points it at the deployed"
            " version again."
        )
    if len(published) > 1:
        app.ui.info(f"The same in all versions:\n  {common_settings(published)}")
    return 0
