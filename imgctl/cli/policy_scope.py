"""The stack that a policy is for, as far as it is known."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgctl.cli.app import App
from imgctl.cli.stack_access import stack_context

if TYPE_CHECKING:
    from infra.deployed_stack import DeployedStack
    from infra.policy_documents import PolicyScope


@dataclass(frozen=True, slots=True)
class _Place:
    """An account in a region; `is_reachable` unless both are only known from the settings."""

    account: str
    region: str
    is_reachable: bool = True


def read_scope(app: App) -> "PolicyScope":
    """Return the stack that the settings name, in combination with how it is deployed.

    Raises AccessError if AWS cannot be asked for the account, and the settings do not name it
    together with the region.
    """
    from imgctl.aws.session import partition_of
    from infra.deployed_stack import DeployedStack
    from infra.names import stack_names
    from infra.policy_documents import scope_of

    place = _place(app)
    stack, settings = app.settings.stack, app.settings.stack_settings
    names = stack_names(stack, place.account, place.region, settings.chosen_names)
    return scope_of(
        stack,
        partition_of(place.region),
        names,
        settings,
        _deployed(app) if place.is_reachable else DeployedStack(stack, None),
        region=place.region,
        account=place.account,
        service_role=app.settings.role_arn,
    )


def _place(app: App) -> _Place:
    from botocore.exceptions import BotoCoreError, ClientError

    from imgctl.aws.errors import AccessError, WrongAccount, translate
    from imgctl.aws.session import configured_region

    try:
        return _Place(app.aws.account_id, app.aws.region)
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
                " policy without asking AWS.",
            ) from error
        app.ui.info(f"{known.message} The policy is for the names in the settings.")
        return _Place(settings.account, region, is_reachable=False)


def _deployed(app: App) -> "DeployedStack":
    """Return the stack as it is deployed, or as one that does not exist if it cannot be read."""
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
        app.ui.info(f"{known.message} The policy is for the names in the settings.")
        return DeployedStack(context.stack, None)
