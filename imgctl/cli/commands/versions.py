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

    The newest comes first, and the live one is marked. A version consists of the function's code
    and settings.
    """
    from imgctl.cli.tables import versions_grid
    from infra.function_version import list_versions, live_version

    app = app_of(context)
    function = app.outputs.function
    live = live_version(app.aws.lambda_, function)
    published = list_versions(app.aws.lambda_, function)
    document: VersionsDocument = {
        "live": live,
        "versions": [
            {
                "version": version.number,
                "live": version.number == live,
                "modified": version.modified,
                "code_sha256": version.sha256,
                "code_bytes": version.size,
                "memory_mb": version.memory_mb,
                "timeout_s": version.timeout_s,
                "scale": version.scale,
            }
            for version in published
        ],
    }
    app.ui.result(document, versions_grid(published, live))
    return 0
