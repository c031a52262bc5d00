"""What a deployment finds under the stack's names, before it imports it."""

from typing import TYPE_CHECKING

from infra.adoption import check_adoption
from infra.errors import DataLossError

if TYPE_CHECKING:
    from imgctl.cli.app import App
    from infra.ownership import ExistingResources
    from infra.stack_context import StackContext


def report_existing(
    app: "App",
    context: "StackContext",
    existing: "ExistingResources",
    *,
    keep_versions_days: int,
    allow_data_loss: bool,
) -> None:
    """Report what will be imported, and what that would change about it.

    Raises AdoptionBlocked, or DataLossError if it would delete something.
    """
    if not existing.names:
        return
    adoption = check_adoption(
        app.aws, context.names, existing, keep_versions_days=keep_versions_days
    )
    if existing.kept:
        names = ", ".join(existing.kept)
        app.ui.info(f"Kept by an earlier destroy, and will be imported again: {names}.")
    if adoption.names:
        names = ", ".join(adoption.names)
        app.ui.info(f"Not created by imgctl, and will be imported: {names}.")
    for setting in adoption.replaced:  # which cannot be restored
        app.ui.warn(f"Will be replaced: {setting}.")
    if adoption.losses and not allow_data_loss:
        raise DataLossError(
            f"The stack's lifecycle rule would delete {', '.join(adoption.losses)}.",
            hint="Nothing was changed. Pass --allow-data-loss to accept that.",
        )
