"""The function's bundle: built here, or the file that the user chose; and what is said about it."""

import base64
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from imgctl.cli.app import App
from imgctl.cli.plan_view import CODE_LENGTH
from imgctl.cli.text import printable

if TYPE_CHECKING:
    from infra.bundle import Bundle
    from infra.bundle_cache import BundleCache
    from infra.bundle_manifest import Manifest


def make_or_read(
    app: App,
    folder: Path,
    architecture: str,
    given: Path | None = None,
    cache: "BundleCache | None" = None,
) -> "Bundle":
    """Return the bundle in the file that was given; else build one for an architecture in a folder.

    Raises BundleError if the file cannot run there. A build for the embedded AWS is for the
    architecture of this machine.
    """
    from infra.bundle import Architecture
    from infra.deployment import make_bundle

    if given is not None:
        return _read(app, given, architecture)
    with app.ui.working("Building the function's bundle"):
        return make_bundle(
            Architecture(architecture),
            folder,
            cache,
            heic=app.settings.heic,
            is_local=app.settings.local,
        )


def report_missing_bytecode(app: App, bundle: "Bundle", deployed_key: str | None = None) -> None:
    """Say so if a bundle has no bytecode, unless its code is deployed already."""
    if not bundle.compiled and bundle.key != deployed_key:
        why = "" if bundle.is_given else ", because python3.12 is not installed"
        app.ui.info(f"The bundle contains no bytecode{why}: cold starts take longer.")


def report_other_build(app: App, bundle: "Bundle", function: str) -> None:
    """Say so if the live code has the sources of the file that was given, but is another build."""
    from botocore.exceptions import ClientError

    from infra.function_version import read_live_version

    if not bundle.is_given:
        return
    with suppress(ClientError):  # the function is gone, or cannot be read: this is only a note
        live = base64.b64decode(read_live_version(app.aws.lambda_, function).sha256).hex()
        if live != bundle.sha256:
            app.ui.info(
                "The live code has the same sources as the file, but is another build of them,"
                f" with the SHA-256 {live}. It stays as it is."
            )


def packages_text(manifest: "Manifest") -> str:
    """Return what a bundle contains, with versions: imgctl 0.1.0, pillow 12.0.0."""
    contained = {"imgctl": manifest.imgctl, **manifest.packages}
    return printable(", ".join(f"{name} {version}" for name, version in contained.items()))


def _read(app: App, path: Path, architecture: str) -> "Bundle":
    from imgctl import __version__
    from infra.bundle_file import check_architecture, read_bundle

    name = printable(str(path))
    with app.ui.working(f"Checking {name}"):
        given = read_bundle(path, is_local=app.settings.local)
    bundle = given.bundle
    if not app.settings.local:  # where the function runs on this machine, whatever it is
        check_architecture(bundle, architecture)
    ui = app.ui
    ui.info(
        f"Bundle {name}: code {bundle.sources[:CODE_LENGTH]}, {packages_text(given.manifest)}\n"
        f"  SHA-256 {bundle.sha256}"
    )
    if given.manifest.imgctl != __version__:
        built_by = printable(given.manifest.imgctl) or "an unknown version"
        ui.info(f"It was built by imgctl {built_by}; this is {__version__}.")
    if bundle.compiled and not given.is_reproduced:
        ui.info(
            "Its bytecode could not be reproduced here, which takes the same build of Python 3.12."
            " Deploy it only if you trust where the file comes from."
        )
    return bundle
