"""`imgctl package`."""

from pathlib import Path

import click

from imgctl.cli.app import app_of
from imgctl.cli.errors import FileError
from imgctl.cli.options import Command


@click.command(
    cls=Command, examples=["imgctl package", "imgctl package --arch arm64 -o function.zip"]
)
@click.option(
    "--arch",
    type=click.Choice(["arm64", "x86_64"]),
    help="Instruction set.  [default: the setting architecture]",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path(),
    help="File or folder to write.",
)
@click.option("--no-cache", is_flag=True, help="Build anew, without reading or writing the cache.")
@click.pass_context
def package(context: click.Context, *, arch: str | None, output: Path, no_cache: bool) -> int:
    """Build the function's bundle.

    The same sources produce the same bytes, if compiled by the same Python. So a bundle that was
    built before is taken from the user's cache, as are the wheels that go into it.

    Wheels come from the index that pip or uv would ask: PIP_INDEX_URL, UV_DEFAULT_INDEX, pip.conf,
    or else PyPI.
    """
    from imgctl.cli.bundle_choice import packages_text, report_missing_bytecode
    from imgctl.cli.stack_documents import PackageDocument
    from imgctl.cli.tables import pairs_grid
    from imgctl.cli.text import size_text
    from infra import bundle_manifest
    from infra.bundle import Architecture, build
    from infra.bundle_cache import user_cache

    app = app_of(context)
    if output.is_symlink() and not output.is_dir():
        raise FileError(f"{output} is a symbolic link.", hint="Name the file itself, or a folder.")
    architecture = Architecture(arch or app.settings.stack_settings.architecture)
    with app.ui.working(f"Building the bundle for {architecture}"):
        cache = None if no_cache else user_cache()
        bundle = build(output, architecture, cache, heic=app.settings.heic)
    manifest = bundle_manifest.read(bundle.path.read_bytes())
    document = PackageDocument(
        path=str(bundle.path),
        sha256=bundle.sha256,
        sources=bundle.sources,
        zipped_bytes=bundle.zipped_bytes,
        unzipped_bytes=bundle.unzipped_bytes,
        architecture=bundle.architecture.value,
        compiled=bundle.compiled,
        imgctl=manifest.imgctl,
        packages=dict(manifest.packages),
    )
    pairs = [
        ("path", str(bundle.path)),
        ("size", f"{size_text(bundle.zipped_bytes)}, {size_text(bundle.unzipped_bytes)} unzipped"),
        ("sha256", bundle.sha256),
        ("sources", bundle.sources),
        ("architecture", bundle.architecture.value),
        ("contains", packages_text(manifest)),
        ("bytecode", "of all modules" if bundle.compiled else "none"),
    ]
    report_missing_bytecode(app, bundle)
    app.ui.result(document, pairs_grid(pairs))
    return 0
