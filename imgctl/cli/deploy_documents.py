"""Plans and results of deployments in JSON, and the outputs as a table."""

from pathlib import Path
from typing import TYPE_CHECKING

from imgctl.aws.stack import parse_outputs
from imgctl.cli.app import App
from imgctl.cli.drift_view import drift_document
from imgctl.cli.pruning import pruned_document
from imgctl.cli.tables import pairs_grid
from imgctl.core.errors import Hint
from infra.idle_cost import idle_cost
from infra.plan import Plan
from infra.prices import PRICE_REGION, PRICES_AS_OF
from infra.pruning import NOTHING, Superseded

if TYPE_CHECKING:
    from imgctl.aws.stack import StackOutputs
    from imgctl.cli.deploy_workflow import Deployment
    from imgctl.cli.stack_documents import (
        DeployDocument,
        PlanDocument,
        PlannedChange,
        ProtectionChange,
        ReleaseDocument,
        StackOutputsDocument,
        TagChange,
    )
    from infra.bundle import Bundle
    from infra.drift_search import DriftSearch
    from infra.settings import StackSettings

_OF_EXISTING_IMAGES = ("Renditions", "CacheControl")  # whose difference an audit finds


def print_outputs(app: App, done: "Deployment") -> None:
    """Print the result of a deployment: the stack's outputs, or after one of its steps, none."""
    plan = done.plan
    document: DeployDocument = {
        "stack": plan.stack,
        "changed": not plan.is_empty,
        "changes": _planned_changes(plan),
        "partial": not plan.is_last_step,
        "termination_protection": _protection_change(plan),
        "pruned": pruned_document(done.pruned),
        "tags": _tag_changes(plan),
        "drift": drift_document(done.drift),
        "outputs": None,
    }
    if not plan.is_last_step:
        next_step = Hint("Plan the next step with {}.", "deploy --plan --out FILE")
        app.ui.info(f"One step of several is done. {next_step.render(app.program)}")
        app.ui.result(document, "")
        return
    outputs = parse_outputs(
        done.deployed.outputs, stack=plan.stack, endpoint_url=app.aws.endpoint_url
    )
    pairs = [
        ("source bucket", outputs.source_bucket),
        ("destination bucket", outputs.destination_bucket),
        ("table", outputs.table),
        ("function", outputs.function),
        ("API", f"{outputs.api_endpoint}/{outputs.source_bucket}/{{filename}}"),
    ]
    if outputs.api_key_id:
        command = f"aws apigateway get-api-key --include-value --api-key {outputs.api_key_id}"
        pairs.append(("API key", f"{outputs.api_key_id}: {command}"))
    document["outputs"] = _outputs_document(outputs)
    app.ui.result(document, pairs_grid(pairs))
    if any(change.name in _OF_EXISTING_IMAGES for change in plan.parameters):
        hint = Hint(
            "Images that were processed before keep their outputs. Run {} to make their new"
            " outputs; add --batch for very large buckets.",
            "reprocess --missing",
        )
        app.ui.info(hint.render(app.program))


def plan_document(
    plan: Plan,
    settings: "StackSettings",
    bundle: "Bundle",
    *,
    superseded: Superseded = NOTHING,
    drift: "DriftSearch | None" = None,
    plan_file: Path | None = None,
) -> "PlanDocument":
    """Return the JSON document of a plan that is not applied, and may be stored in a file."""
    cost = idle_cost(plan.changes, settings)
    return {
        "stack": plan.stack,
        "changed": False,
        "changes": _planned_changes(plan),
        "partial": not plan.is_last_step,
        "termination_protection": _protection_change(plan),
        "release": _release_document(plan),
        "tags": _tag_changes(plan),
        "idle_cost": {
            "usd_per_month": float(cost.usd),
            "items": [
                {"name": item.name, "count": item.count, "usd_per_month": float(item.usd)}
                for item in cost.items
            ],
            "region": PRICE_REGION,
            "prices_as_of": PRICES_AS_OF,
        }
        if cost.items
        else None,
        "limits": {
            "reserved_concurrency": settings.reserved_concurrency,
            "api_requests_per_s": settings.api_requests_per_s,
            "api_burst": settings.api_burst,
        },
        "pruned": pruned_document(superseded),
        "drift": drift_document(drift),
        "bundle": {
            "sources": bundle.sources,
            "sha256": bundle.sha256,
            "architecture": bundle.architecture.value,
            "compiled": bundle.compiled,
            "given": bundle.is_given,
        },
        "plan_file": None if plan_file is None else str(plan_file),
    }


def _release_document(plan: Plan) -> "ReleaseDocument | None":
    release = plan.gradual
    if release is None:
        return None
    return {
        "percent": release.canary.percent,
        "minutes": release.canary.minutes,
        "live_version": release.live,
        "alarm": release.alarm.name,
    }


def _planned_changes(plan: Plan) -> "list[PlannedChange]":
    reevaluated = plan.reevaluated
    return [
        {
            "action": change.action,
            "resource": change.logical_id,
            "type": change.resource_type,
            "replacement": change.replacement,
            "loses_data": change.loses_data,
            "marks": [risk.name.lower() for risk in change.risks],
            "kept": change.is_kept,
            "reevaluated": change in reevaluated,
            "properties": [
                {
                    "name": item.name,
                    "before": item.before,
                    "after": item.after,
                    "parameter": item.parameter or None,
                }
                for item in change.distinct_properties
            ],
        }
        for change in plan.changes
    ]


def _protection_change(plan: Plan) -> "ProtectionChange | None":
    after = plan.termination_protection
    return None if after is None else {"before": not after, "after": after}


def _tag_changes(plan: Plan) -> "list[TagChange]":
    return [
        {"key": item.name, "before": item.before, "after": item.after} for item in plan.changed_tags
    ]


def _outputs_document(outputs: "StackOutputs") -> "StackOutputsDocument":
    return {
        "source_bucket": outputs.source_bucket,
        "destination_bucket": outputs.destination_bucket,
        "table": outputs.table,
        "function": outputs.function,
        "api_endpoint": outputs.api_endpoint,
        "api_key_id": outputs.api_key_id or None,
    }
