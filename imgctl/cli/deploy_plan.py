"""The plan of a deployment as a person sees it, with its cost, and what it must not do unasked."""

from typing import TYPE_CHECKING

from imgctl.cli.plan_view import PlanView, changes_grid, plan_total, snapshot_text, tags_grid
from imgctl.cli.rollout_view import show_release
from imgctl.cli.settings import SETTINGS
from imgctl.cli.stack_access import location
from imgctl.core.errors import Hint
from imgctl.links import documentation
from infra.changes import PropertyChange
from infra.errors import DataLossError
from infra.idle_cost import IdleCost, idle_cost
from infra.prices import PRICE_REGION, PRICES_AS_OF
from infra.version_settings import named_setting

if TYPE_CHECKING:
    from imgctl.cli.app import App
    from infra.plan import Plan
    from infra.settings import StackSettings

_ADOPTION_STEP = (
    "This is one step of several. Next, each with its own plan: table capacity and indexes where"
    " they are missing, then the rest of the stack."
)


def show_plan(
    app: "App",
    plan: "Plan",
    settings: "StackSettings",
    *,
    is_result: bool,
    allow_data_loss: bool,
) -> None:
    """Show a plan on stderr, or, if it is the command's result, its changes on stdout.

    Raises DataLossError if it would lose data, unless that is allowed.
    """
    ui = app.ui
    if plan.live_version:
        hint = Hint("{} makes the newest version live.", "publish").render(app.program)
        ui.info(
            f"Version {plan.live_version} is live after a rollback and stays live, with its code"
            f" and settings. {hint}"
        )
    if settings.watch_uploads and app.aws.is_local:
        ui.info("The embedded AWS cannot compare metrics: the alarm of watch_uploads is left out.")
    if plan.is_empty:
        ui.info(
            f"Nothing to change: the stack {plan.stack} is unchanged since its last deployment."
        )
        return
    ui.info(f"The stack {plan.stack} in {location(app)}:")
    show = ui.print if is_result else ui.info
    changed = _changed_settings(plan)
    if plan.change_set.is_empty:
        show(changes_grid(changed))
        return
    if changed:
        ui.info(changes_grid(changed))
    if plan.changed_tags:
        show(tags_grid(plan.changed_tags))
        _warn_of_settings(app, plan)
    show(PlanView(plan, is_complete=ui.verbose))
    ui.info(plan_total(plan, is_complete=ui.verbose))
    show_release(app, plan, settings.rollout)
    if plan.tags.removed:
        ui.info("Tags that are neither in the settings nor given with --tag are removed.")
    if not allow_data_loss:
        _check_data_loss(plan)
    if not plan.is_last_step:
        ui.info(_ADOPTION_STEP)
    _show_costs(app, plan, settings)
    opens_api = any(c.opens_access and c.logical_id == "ApiPut" for c in plan.changes)
    if opens_api and settings.api_authorization == "none":
        ui.warn("Anyone on the internet will be able to put objects into the source bucket.")


def _warn_of_settings(app: "App", plan: "Plan") -> None:
    """Warn of new tags that may have been meant as settings: in TOML, a table has no end."""
    names = {spec.name for spec in SETTINGS if spec.in_file}
    for tag in plan.changed_tags:
        if tag.before is None and tag.name in names:
            app.ui.warn(
                f"The tag {tag.name} has the name of a setting. To change the setting, move it"
                " above [tags] in imgctl.toml."
            )


def _show_costs(app: "App", plan: "Plan", settings: "StackSettings") -> None:
    """Say what the plan's resources cost, and what does not limit that."""
    ui, cost = app.ui, idle_cost(plan.changes, settings)
    if cost.items:
        ui.info(_cost_text(cost, is_local=app.aws.is_local, is_new=_adds_function(plan)))
    if settings.snap_start and (text := snapshot_text(plan)):
        ui.info(text)
    if PropertyChange("SnapStart", "true", "false") in plan.parameters:
        ui.info("Earlier versions keep their snapshots, and cost as much until they are deleted.")
    if settings.reserved_concurrency is None and _adds_function(plan):
        ui.info(_flood_text(settings))


def _adds_function(plan: "Plan") -> bool:
    return any((c.action, c.logical_id) == ("Add", "Function") for c in plan.changes)


def _changed_settings(plan: "Plan") -> list[PropertyChange]:
    """Return the settings that differ from those of the last deployment."""
    changed = [named_setting(item) for item in plan.parameters] if plan.is_last_step else []
    if plan.termination_protection is not None:
        values = ("false", "true") if plan.termination_protection else ("true", "false")
        changed.append(PropertyChange("termination_protection", *values))
    return changed


def _cost_text(cost: IdleCost, *, is_local: bool, is_new: bool) -> str:
    items = ", ".join(
        f"{item.count} {item.name}{'s' if item.count > 1 else ''} ${item.usd:.2f}"
        for item in cost.items
    )
    what = "it" if is_new else "what is added"  # to a stack whose other costs stay as they are
    costs = f"In AWS, {what} would cost" if is_local else f"{what.capitalize()} costs"
    return (
        f"{costs} about ${cost.usd:.2f} per month when idle, without the free tier:\n"
        f"  {items} ({PRICE_REGION} prices of {PRICES_AS_OF})\n"
        f"  See {documentation('explanation/costs.md')}"
    )


def _flood_text(settings: "StackSettings") -> str:
    return (
        "No limit on what a flood of uploads costs: reserved_concurrency is not set.\n"
        f"  The API alone accepts up to {settings.api_requests_per_s} requests per second"
        " (api_requests_per_s)."
    )


def _check_data_loss(plan: "Plan") -> None:
    if plan.abandoned_key:
        raise DataLossError(
            f"The function could no longer read data encrypted with {plan.abandoned_key}.",
            hint="Nothing was changed. Set it as kms_key, or pass --allow-data-loss.",
        )
    if plan.shortened_retention_days is not None:
        raise DataLossError(
            "S3 would delete the versions of objects that were replaced or deleted more than"
            f" {plan.shortened_retention_days} days ago.",
            hint="Nothing was changed. Pass --allow-data-loss to accept that.",
        )
    if plan.loses_data:
        lost = ", ".join(f"{c.logical_id} ({c.physical_id})" for c in plan.loses_data)
        raise DataLossError(
            "This would delete resources that hold data, or leave them behind outside the stack:"
            f" {lost}.",
            hint="Nothing was changed. Pass --allow-data-loss to accept that.",
        )
