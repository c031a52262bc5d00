"""The stack that the settings name, as far as it is known without access to it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgctl.cli.app import App
from imgctl.cli.stack_access import stack_context

if TYPE_CHECKING:
    from infra.deployed_stack import DeployedStack


@dataclass(frozen=True, slots=True)
class Place:
    """An account in a region; `is_reachable` unless both are only known from the settings."""

    account: str
    region: str
    is_reachable: bool = True


def place_of(app: App, what: str) -> Place:
    """Return the account and the region in use; those of the settings if AWS cannot be asked.

    `what` is what is made of them, for the note that says so. Raises AccessError if AWS cannot be
    asked, and the settings do not name both.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    from imgctl.aws.errors import AccessError, WrongAccount, translate
    from imgctl.aws.session import configured_region

    try:
        return Place(app.aws.account_id, app.aws.region)
    except WrongAccount:
        raise
    except (AccessError, BotoCoreError, ClientError) as error:
        known = error if isinstance(error, AccessError) else translate(error)
        settings = app.settings
        region = configured_region(profile=settings.profile, region=settings.region)
        if not isinstance(known, AccessError):
            raise
        if settings.account is None or region is None:
            raise type(known)(
                known.message,
                hint=f"{known.hint} With the settings account and region, imgctl can make the"
                f" {what} without asking AWS.",
            ) from error
        app.ui.info(f"{known.message} The {what} is for the names in the settings.")
        return Place(settings.account, region, is_reachable=False)


def read_if_permitted(app: App, what: str) -> "DeployedStack":
    """Return the stack as it is deployed, or as one that does not exist if it may not be read.

    `what` is what is made of it, for the note that says so.
    """
    from botocore.exceptions import ClientError

    from imgctl.aws.errors import PermissionMissing, translate
    from infra.deployed_stack import DeployedStack

    context = stack_context(app)
    try:
        return context.client.read(context.stack)
    except ClientError as error:
        known = translate(error)
        if not isinstance(known, PermissionMissing):
            raise
        app.ui.info(f"{known.message} The {what} is for the names in the settings.")
        return DeployedStack(context.stack, None)
