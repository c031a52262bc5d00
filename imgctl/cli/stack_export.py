"""What `template` prints: the stack as `deploy` would send it, as far as it is known."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imgctl.cli.app import App
from imgctl.cli.bundle_choice import make_or_read
from imgctl.cli.known_stack import place_of, read_if_permitted

if TYPE_CHECKING:
    from infra.bundle import Bundle
    from infra.deployed_stack import DeployedStack

_WHAT = "template"


@dataclass(frozen=True, slots=True)
class StackExport:
    """A template with its parameters, and the bundle whose place they name."""

    template: str
    parameters: Mapping[str, str]
    bundle: "Bundle"

    @property
    def bucket(self) -> str:
        """The bucket that the stack takes the bundle from."""
        return self.parameters["CodeBucket"]

    @property
    def key(self) -> str:
        """The bundle's key in that bucket."""
        return self.parameters["CodeKey"]


def read_export(app: App, folder: Path, bundle_file: Path | None) -> StackExport:
    """Return the stack that the settings describe; its bundle is built in `folder`, or read.

    Raises AccessError if AWS cannot be asked for the account, and the settings do not name it
    together with the region.
    """
    from infra.bundle_cache import user_cache
    from infra.deployed_stack import DeployedStack
    from infra.names import stack_names
    from infra.parameters import stack_parameters
    from infra.recovery import check_updatable
    from infra.template import stack_template, with_hashed_ids

    place = place_of(app, _WHAT)
    stack, settings = app.settings.stack, app.settings.stack_settings
    deployed = DeployedStack(stack, None)
    if place.is_reachable:
        deployed = read_if_permitted(app, _WHAT)
        check_updatable(deployed)
    architecture = settings.architecture
    bundle = make_or_read(app, folder, architecture, bundle_file, user_cache())
    has_role = _has_api_logging_role(app, deployed, is_reachable=place.is_reachable)
    parameters = stack_parameters(
        stack_names(stack, place.account, place.region, settings.chosen_names),
        settings,
        bundle,
        is_local=app.settings.local,
        sets_api_logging_role=not has_role,
        live_version=deployed.live_version,
    )
    return StackExport(with_hashed_ids(stack_template(), parameters), parameters, bundle)


def deployment_notes(app: App, exported: StackExport, bundle_file: Path | None) -> str:
    """Return what whoever deploys the template has to do besides, above all with the bundle."""
    target = f"s3://{exported.bucket}/{exported.key}"
    file = shlex.quote(str(bundle_file or "function.zip"))
    lines = [f"Store the function's bundle in {target} before you deploy:"]
    if app.settings.local and bundle_file is None:
        lines.append("  only `deploy` builds one that runs on the embedded AWS")
    else:
        if bundle_file is None:
            lines.append(f"  {app.program} package -o {file}")
        lines.append(f"  aws s3 cp {file} {target}")
    if tags := app.settings.stack_tags:
        pairs = " ".join(shlex.quote(f"{key}={value}") for key, value in tags.items())
        lines.append(f"Give the stack the tags of the settings: {pairs}")
    return "\n".join(lines)


def _has_api_logging_role(app: App, deployed: "DeployedStack", *, is_reachable: bool) -> bool:
    """Return whether the account has a logging role for API Gateway that is not the stack's own."""
    from botocore.exceptions import ClientError

    from imgctl.aws.errors import PermissionMissing, translate
    from infra.deployment_steps import has_api_logging_role

    try:
        if is_reachable:
            return has_api_logging_role(app.aws, deployed)
    except ClientError as error:
        if not isinstance(translate(error), PermissionMissing):
            raise
    app.ui.warn(
        "Not known: whether the account has a logging role for API Gateway in this region. The"
        " stack would replace it. If there is one, set the parameter ApiLoggingRole to existing."
    )
    return False
