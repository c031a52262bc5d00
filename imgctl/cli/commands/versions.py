"""`imgctl versions`."""

from typing import TYPE_CHECKING

import click

from imgctl.cli.app import app_of
from imgctl.cli.options import Command

if TYPE_CHECKING:
    from imgctl.cli.stack_documents import VersionsDocument


@click.command(cls=Command, epilog="Example: imgctl versions")
@click.pass_context
def versions(context: click.Context) -> int:
    """List the function's versions.

    The newest comes first, and the live one is marked. A version consists of code and the
    function's settings.
    """
    from imgctl.cli.tables import versions_grid
    from infra import release

    app = app_of(context)
    function = app.outputs.function
    live = release.live_version(app.aws.lambda_, function)
    found = release.versions_of(app.aws.lambda_, function)
    document: VersionsDocument = {
        "live": live,
        "versions": [
            {
                "version": one.number,
                "live": one.number == live,
                "modified": one.modified,
                "code_sha256": one.sha256,
                "code_bytes": one.size,
                "memory_mb": one.memory_mb,
                "timeout_s": one.timeout_s,
                "scale": one.scale,
            }
            for one in found
        ],
    }
    app.ui.result(document, versions_grid(found, live))
    return 0
