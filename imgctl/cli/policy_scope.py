"""The stack that a policy is for, as far as it is known."""

from typing import TYPE_CHECKING

from imgctl.cli.app import App
from imgctl.cli.known_stack import place_of, read_if_permitted

if TYPE_CHECKING:
    from infra.policy_documents import PolicyScope


_WHAT = "policy"


def read_scope(app: App) -> "PolicyScope":
    """Return the stack that the settings name, in combination with how it is deployed.

    Raises AccessError if AWS cannot be asked for the account, and the settings do not name it
    together with the region.
    """
    from imgctl.aws.session import partition_of
    from infra.deployed_stack import DeployedStack
    from infra.names import stack_names
    from infra.policy_documents import scope_of

    place = place_of(app, _WHAT)
    stack, settings = app.settings.stack, app.settings.stack_settings
    names = stack_names(stack, place.account, place.region, settings.chosen_names)
    return scope_of(
        stack,
        partition_of(place.region),
        names,
        settings,
        read_if_permitted(app, _WHAT) if place.is_reachable else DeployedStack(stack, None),
        region=place.region,
        account=place.account,
        service_role=app.settings.role_arn,
    )
