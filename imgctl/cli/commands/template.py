"""`imgctl template`."""

import importlib.util
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imgctl.cli.app import app_of
from imgctl.cli.errors import NotInstalled
from imgctl.cli.options import Command

if TYPE_CHECKING:
    from imgctl.cli.stack_documents import TemplateDocument


@click.command(
    cls=Command,
    examples=[
        "imgctl template > template.yaml",
        "imgctl template --format json > template.json",
        "imgctl template --parameters aws > parameters.json",
        "imgctl template --parameters map --bundle function.zip",
    ],
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["yaml", "json"]),
    default="yaml",
    show_default=True,
    help="Format of the template.",
)
@click.option(
    "--parameters",
    "shape",
    type=click.Choice(["aws", "map"]),
    help="Print the parameters instead: a list for the AWS CLI, or a map for other tools.",
)
@click.option(
    "--bundle",
    "bundle_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Name the bundle in this file, which `package` wrote, instead of building one.",
)
@click.pass_context
def template(
    context: click.Context, *, format_: str, shape: str | None, bundle_file: Path | None
) -> int:
    """Print the template, to deploy it with other tools.

    The CloudFormation template and its parameters are what `deploy` would send, and belong
    together: print both again when the settings or the code change. The function's bundle has to be
    stored under the key that the parameters name before the stack is deployed. Without credentials
    they are made from the settings alone, if these name the account and the region.
    """
    if format_ == "json" and importlib.util.find_spec("yaml") is None:
        raise NotInstalled(
            "--format json needs the package PyYAML.", hint="Run `pip install 'imgctl[template]'`."
        )
    from imgctl.cli.stack_export import deployment_notes, read_export

    app = app_of(context)
    with tempfile.TemporaryDirectory(prefix="imgctl-template-") as folder:
        exported = read_export(app, Path(folder), bundle_file)
    text = exported.template
    if format_ == "json":
        from infra.template_json import to_json

        text = to_json(text)
    document: TemplateDocument = {
        "stack": app.settings.stack,
        "format": "json" if format_ == "json" else "yaml",
        "template": text,
        "parameters": dict(exported.parameters),
        "tags": app.settings.stack_tags or {},
        "bundle": {
            "bucket": exported.bucket,
            "key": exported.key,
            "sha256": exported.bundle.sha256,
        },
    }
    app.ui.info(deployment_notes(app, exported, bundle_file))
    match shape:
        case "aws":
            pairs = [
                {"ParameterKey": name, "ParameterValue": value}
                for name, value in exported.parameters.items()
            ]
            text = json.dumps(pairs, indent=2)
        case "map":
            text = json.dumps(dict(exported.parameters), indent=2)
    app.ui.result(document, text.rstrip("\n"))
    return 0
