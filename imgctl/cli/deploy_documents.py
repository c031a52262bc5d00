"""Plans and results of deployments in JSON, and the outputs as a table."""

from typing import TYPE_CHECKING

from imgctl.aws.stack import parse_outputs
from imgctl.cli.app import App
from imgctl.cli.tables import pairs_grid
from infra.plan import Plan

if TYPE_CHECKING:
    from imgctl.aws.stack import StackOutputs
    from imgctl.cli.stack_documents import (
        DeployDocument,
        PlanDocument,
        PlannedChange,
        StackOutputsDocument,
    )
    from infra.deployed_stack import DeployedStack


def print_outputs(app: App, plan: Plan, deployed: "DeployedStack") -> None:
    """Print the result of a deployment: the stack's outputs."""
    outputs = parse_outputs(deployed.outputs, stack=plan.stack, endpoint_url=app.aws.endpoint_url)
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
    document: DeployDocument = {
        "stack": plan.stack,
        "changed": not plan.is_empty,
        "changes": _planned_changes(plan),
        "outputs": _outputs_document(outputs),
    }
    app.ui.result(document, pairs_grid(pairs))


def plan_document(plan: Plan) -> "PlanDocument":
    """Return the JSON document of a plan that is only shown."""
    return {
        "stack": plan.stack,
        "changed": False,
        "changes": _planned_changes(plan),
        "partial": not plan.is_last_step,
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
                for item in change.properties
            ],
        }
        for change in plan.changes
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
