"""The function's versions in JSON, and the plan and the result of making one live."""

from typing import TYPE_CHECKING

from imgctl.cli.app import App
from imgctl.cli.plan_view import PlanView, changes_grid, plan_total, snapshot_text
from imgctl.cli.pruning import pruned_document, show_pruning
from imgctl.cli.rollout_view import show_release
from infra.changes import PropertyChange
from infra.function_version import LiveVersions, Version, check_published, live_version
from infra.plan import Plan
from infra.pruning import NOTHING, Superseded
from infra.version_settings import CODE, content_of, differences

if TYPE_CHECKING:
    from imgctl.cli.stack_documents import ChangedSetting, LiveDocument, VersionDocument


def confirm_live(
    app: App,
    plan: Plan,
    what: str,
    changes: tuple[PropertyChange, ...],
    question: str,
    superseded: Superseded = NOTHING,
) -> bool:
    """Show which version would become live and what changes with it, and ask.

    `what` names the two versions, and `superseded` is deleted afterwards. A plan without changes
    needs no confirmation.
    """
    ui = app.ui
    if plan.is_empty:
        ui.info("Nothing to change: already live.")
        return True
    if not changes:
        ui.info(f"{what}, with the same code and settings.")
    else:
        is_same_code = all(item.name != CODE for item in changes)
        ui.info(f"{what}, with the same code:" if is_same_code else f"{what}:")
        ui.info(changes_grid(changes))
    ui.info(PlanView(plan, is_complete=ui.verbose))
    ui.info(plan_total(plan, is_complete=ui.verbose))
    takes_snapshots = plan.change_set.planned_from.parameters.get("SnapStart") == "true"
    if takes_snapshots and (text := snapshot_text(plan)):
        ui.info(text)
    show_release(app, plan, plan.change_set.planned_from.parameters.get("Rollout", ""))
    show_pruning(app, superseded)
    if ui.confirm(question):
        return True
    ui.info("Nothing was changed.")
    return False


def report_live(
    app: App,
    before: int | None,
    changes: tuple[PropertyChange, ...],
    pruned: Superseded = NOTHING,
    *,
    is_changed: bool = False,
) -> int:
    """Print which version is live now, and which one was before. Return the exit code.

    `before` is None if the alias pointed at none. `is_changed` is whether another version took a
    part of the invocations until now. Raises VersionNotFound if no version is live.
    """
    live = check_published(live_version(app.aws.lambda_, app.outputs.function))
    is_same, is_changed = live == before, is_changed or live != before
    document: LiveDocument = {
        "live": live,
        "before": before,
        "changed": is_changed,
        "changes": _changed_settings(changes) if is_changed else [],
        "pruned": pruned_document(pruned),
    }
    was = "" if is_same else f" (was {before or '$LATEST'})"
    with_all = ", with all invocations again" if is_same and is_changed else ""
    app.ui.result(document, f"Version {live} is live{was}{with_all}.")
    return 0


def version_document(
    version: Version, before: Version | None, live: LiveVersions
) -> "VersionDocument":
    """Return a version with its settings, and what differs from the version before it, if any."""
    content = content_of(version)
    changes = () if before is None else differences(content_of(before), content)
    return {
        "version": version.number,
        "live": version.number == live.number,
        "traffic_percent": live.percent(version.number),
        "modified": version.modified,
        "code_sha256": version.sha256,
        "code_sources": version.sources,
        "code_bytes": version.size,
        "scale": version.scale,
        "prefix": content["prefix"],
        "quality": int(content["quality"]) if content["quality"] else None,
        "memory_mb": version.memory_mb,
        "timeout_s": version.timeout_s,
        "architecture": version.architecture,
        "snap_start": version.snap_start,
        "function": version.function,
        "function_role": content["function_role"],
        "dead_letter_queue": content.get("dead_letter_queue"),
        "kms_key": content["kms_key"] or None,
        "source_bucket": content["source_bucket"],
        "destination_bucket": content["destination_bucket"],
        "table": content["table"],
        "changes": _changed_settings(changes),
    }


def _changed_settings(changes: tuple[PropertyChange, ...]) -> "list[ChangedSetting]":
    return [
        {"name": item.name, "before": item.before or None, "after": item.after or None}
        for item in changes
    ]
