"""The next step of a deployment follows from what was observed; the stack is read twice."""

from pathlib import Path
from typing import Any

import pytest

from imgctl.aws.session import Aws
from infra import deployment, deployment_steps
from infra.bundle import Architecture, Bundle
from infra.deployed_stack import AdoptionStep, DeployedStack
from infra.deployment import DeployRequest
from infra.deployment_steps import WHOLE_STACK, DeploymentState, next_step
from infra.names import stack_names
from infra.ownership import ExistingResources
from infra.parameters import StackSettings
from infra.snapshots import INDEXES, ResourceProperties
from infra.stack_context import StackContext
from infra.template import stack_template
from tests.infra.recorded import Recorded
from tests.infra.test_ownership import make_bucket

NAMES = stack_names("imgctl", "123456789012", "eu-west-2")
NEW = DeployedStack("imgctl", None)
WHOLE = DeployedStack("imgctl", "UPDATE_COMPLETE")
IMPORTED = DeployedStack("imgctl", "IMPORT_COMPLETE", adoption_step=AdoptionStep.IMPORT)
BETWEEN = DeployedStack("imgctl", "UPDATE_COMPLETE", adoption_step=AdoptionStep.TABLE)

BUCKET: ResourceProperties = {"BucketName": NAMES.source_bucket}
KEY = [{"AttributeName": "resource-id", "AttributeType": "S"}]


def table(billing: str, *indexes: ResourceProperties) -> ResourceProperties:
    properties: dict[str, Any] = {
        "TableName": NAMES.table,
        "BillingMode": billing,
        "KeySchema": [{"AttributeName": "resource-id", "KeyType": "HASH"}],
        "AttributeDefinitions": KEY,
        "GlobalSecondaryIndexes": list(indexes),
    }
    if billing == "PROVISIONED":
        properties["ProvisionedThroughput"] = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
    return properties


PROVISIONED = table("PROVISIONED")
ON_DEMAND = table("PAY_PER_REQUEST")
COMPLETE = table("PAY_PER_REQUEST", *INDEXES)


def state(deployed: DeployedStack, *existing: str, **snapshots: Any) -> DeploymentState:
    named = {NAMES.table: snapshots["table"]} if "table" in snapshots else {}
    if "bucket" in snapshots:
        named[NAMES.source_bucket] = snapshots["bucket"]
    return DeploymentState(
        deployed,
        has_api_logging_role=True,
        existing=ExistingResources(existing),
        snapshots=named,
    )


@pytest.mark.parametrize(
    ("observed", "adoption", "billing", "indexes"),
    [
        (state(NEW), None, None, None),
        (state(WHOLE), None, None, None),
        (state(WHOLE, table=PROVISIONED), None, None, None),
        (state(WHOLE, table=COMPLETE), None, None, None),
        (
            state(NEW, NAMES.source_bucket, NAMES.table, bucket=BUCKET, table=PROVISIONED),
            AdoptionStep.IMPORT,
            "PROVISIONED",
            [],
        ),
        (
            state(IMPORTED, bucket=BUCKET, table=PROVISIONED),
            AdoptionStep.TABLE,
            "PAY_PER_REQUEST",
            None,
        ),
        (state(BETWEEN, table=ON_DEMAND), AdoptionStep.TABLE, "PAY_PER_REQUEST", ["by-time"]),
        (
            state(BETWEEN, table=table("PAY_PER_REQUEST", INDEXES[0])),
            AdoptionStep.TABLE,
            "PAY_PER_REQUEST",
            ["by-time", "by-key"],
        ),
        (state(BETWEEN, table=COMPLETE), None, None, None),
        (state(IMPORTED, bucket=BUCKET), None, None, None),
    ],
)
def test_the_next_step_follows_from_what_was_observed(
    observed: DeploymentState,
    adoption: AdoptionStep | None,
    billing: str | None,
    indexes: list[str] | None,
) -> None:
    step = next_step(observed, NAMES)
    assert step.adoption is adoption
    if adoption is None:
        assert step == WHOLE_STACK
        return
    properties = step.resources[NAMES.table]
    assert properties["BillingMode"] == billing
    if indexes is not None:
        names = [index["IndexName"] for index in properties["GlobalSecondaryIndexes"]]
        assert names == indexes
    # Whatever else the stack holds stays as it is.
    assert step.resources.get(NAMES.source_bucket) == observed.snapshots.get(NAMES.source_bucket)


def test_the_indexes_of_a_deployed_table_change_before_the_rest_of_the_stack() -> None:
    step = next_step(state(WHOLE, table=table("PAY_PER_REQUEST", *INDEXES[:1])), NAMES)
    assert (step.adoption, step.is_last_step) == (None, False)
    assert step.table is not None
    assert step.table["GlobalSecondaryIndexes"] == [*INDEXES[:2]]


def test_a_deployment_reads_the_stack_when_it_begins_and_just_before_it_executes(
    aws: Aws, tmp_path: Path
) -> None:
    """Recorded in order: a third DescribeStacks before ExecuteChangeSet would fail."""
    recorded, done = Recorded(), ("e1", "imgctl", "UPDATE_COMPLETE", "", "imgctl-1")
    make_bucket(aws, NAMES.artifacts_bucket, [{"Key": "imgctl:stack", "Value": "imgctl"}])
    zipped = tmp_path / "function.zip"
    zipped.write_bytes(b"zip")
    request = DeployRequest(
        stack_template(),
        StackSettings(),
        Bundle(zipped, "ab" * 32, 3, 3, Architecture.ARM64, "cd" * 32),
    )
    context = StackContext(aws, recorded.client, "imgctl", NAMES)
    with recorded.stub:
        recorded.status("UPDATE_COMPLETE").responds("get_template", {"TemplateBody": "{}"})
        deployed = context.client.read("imgctl")
        recorded.responds("create_change_set", {"Id": "arn:aws:cloudformation:::changeSet/1"})
        recorded.change_set("CREATE_COMPLETE")
        observed = deployment_steps.observe(context, deployed, adopt=False)
        with deployment.planned(context, request, observed) as plan:
            recorded.status("UPDATE_COMPLETE").events().responds("execute_change_set", {})
            # From here on it is followed.
            recorded.status("UPDATE_IN_PROGRESS").events(done)
            recorded.status("UPDATE_COMPLETE").events(done)
            recorded.change_set("CREATE_COMPLETE", ExecutionStatus="EXECUTE_COMPLETE")
            after = deployment.apply(context, plan, request.bundle, lambda _: None)
        recorded.stub.assert_no_pending_responses()
    assert after.status == "UPDATE_COMPLETE"
