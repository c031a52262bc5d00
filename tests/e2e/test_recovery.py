"""A stack whose update could not be rolled back, brought back by the program."""

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from infra.names import OUR_PARAMETERS
from tests.e2e.conftest import Local
from tests.waiting import until

STACK, CODE = "stuck", "stuck-code"
ROLE = "arn:aws:iam::000000000000:role/any"


def function(key: str) -> dict[str, Any]:
    code = {"S3Bucket": CODE, "S3Key": key}
    properties = {"Runtime": "python3.12", "Handler": "h.handler", "Role": ROLE, "Code": code}
    return {"Type": "AWS::Lambda::Function", "Properties": properties}


METRIC_OF_NOTHING = {  # which fails, as there is no such log group
    "Type": "AWS::Logs::MetricFilter",
    "DependsOn": "Function",
    "Properties": {
        "LogGroupName": "no-such-group",
        "FilterPattern": "x",
        "MetricTransformations": [{"MetricName": "m", "MetricNamespace": "n", "MetricValue": "1"}],
    },
}


class Stuck:
    """A stack with imgctl's parameters and one function, whose earlier code can be taken away."""

    def __init__(self, local: Local) -> None:
        self._aws = local.aws
        self._aws.s3.create_bucket(Bucket=CODE)
        for key in ("old.zip", "new.zip"):
            self.store(key)
        self._aws.cloudformation.create_stack(
            StackName=STACK, TemplateBody=self._template({"Function": function("old.zip")})
        )
        self._settle()

    def store(self, key: str) -> None:
        zipped = io.BytesIO()
        with zipfile.ZipFile(zipped, "w") as bundle:
            bundle.writestr("h.py", "def handler(event, context): pass")
        self._aws.s3.put_object(Bucket=CODE, Key=key, Body=zipped.getvalue())

    def fail_to_update(self, *, rolls_back: bool) -> str:
        """Update it to new code and something that fails, without the code to return to."""
        self._aws.s3.delete_object(Bucket=CODE, Key="old.zip")
        resources = {"Function": function("new.zip"), "Metric": METRIC_OF_NOTHING}
        self._aws.cloudformation.update_stack(
            StackName=STACK,
            TemplateBody=self._template(resources),
            DisableRollback=not rolls_back,
        )
        return self._settle()

    def delete(self) -> None:
        self._aws.cloudformation.delete_stack(StackName=STACK)
        for key in ("old.zip", "new.zip"):
            self._aws.s3.delete_object(Bucket=CODE, Key=key)
        self._aws.s3.delete_bucket(Bucket=CODE)

    @property
    def status(self) -> str:
        described = self._aws.cloudformation.describe_stacks(StackName=STACK)
        return described["Stacks"][0]["StackStatus"]

    def _settle(self) -> str:
        until(lambda: not self.status.endswith("_IN_PROGRESS"))
        return self.status

    @staticmethod
    def _template(resources: dict[str, Any]) -> str:
        parameters = {name: {"Type": "String", "Default": "x"} for name in OUR_PARAMETERS}
        return json.dumps({"Parameters": parameters, "Resources": resources})


@pytest.fixture
def stuck(shared: Local) -> Iterator[Stuck]:
    stuck = Stuck(shared)
    yield stuck
    stuck.delete()


def test_a_rollback_that_failed_is_explained_and_continued_once_its_cause_is_gone(
    shared: Local, stuck: Stuck
) -> None:
    assert stuck.fail_to_update(rolls_back=True) == "UPDATE_ROLLBACK_FAILED"
    refused = shared.imgctl("--stack", STACK, "deploy", "--yes")
    assert refused.code == 1
    assert "failed, and so did its rollback: UPDATE_ROLLBACK_FAILED" in refused.err
    assert "failed to update: [Function]" in refused.err
    assert "deploy --continue-rollback`" in refused.err
    assert "destroy" not in refused.err

    other = shared.imgctl(
        "--stack", STACK, "deploy", "--yes", "--continue-rollback", "--skip", "Metric"
    )
    assert (other.code, "cannot skip Metric. Only Function can be." in other.err) == (1, True)

    declined = shared.imgctl("--stack", STACK, "deploy", "--continue-rollback", answers="n\n")
    assert declined.code == 1
    assert "old.zip" in declined.err
    assert "--continue-rollback --skip Function" in declined.err
    assert stuck.status == "UPDATE_ROLLBACK_FAILED"

    stuck.store("old.zip")
    done = shared.imgctl("--json", "--yes", "--stack", STACK, "deploy", "--continue-rollback")
    document = json.loads(done.succeeded().out)
    assert document["state"] == stuck.status == "UPDATE_ROLLBACK_COMPLETE"
    assert [failed["resource"] for failed in document["failed_before"]] == ["Function"]
    again = shared.imgctl("--yes", "--stack", STACK, "deploy", "--continue-rollback")
    assert (again.code, "there is no rollback to continue" in again.err) == (1, True)


def test_what_cannot_be_rolled_back_is_skipped(shared: Local, stuck: Stuck) -> None:
    assert stuck.fail_to_update(rolls_back=True) == "UPDATE_ROLLBACK_FAILED"
    done = shared.imgctl(
        "--yes", "--stack", STACK, "deploy", "--continue-rollback", "--skip", "Function"
    ).succeeded()
    assert "Will be skipped: Function" in done.err
    assert "deploy --revert-drift`, which changes back what differs" in done.err
    assert stuck.status == "UPDATE_ROLLBACK_COMPLETE"


def test_on_a_terminal_deploy_offers_to_roll_back_an_update_that_was_left_as_it_failed(
    shared: Local, stuck: Stuck
) -> None:
    assert stuck.fail_to_update(rolls_back=False) == "UPDATE_FAILED"
    declined = shared.imgctl("--stack", STACK, "deploy", answers="n\n")
    assert declined.code == 1
    assert "Metric (AWS::Logs::MetricFilter)" in declined.err
    assert "Error: An update of the stack stuck failed, and was not rolled back" in declined.err
    assert stuck.status == "UPDATE_FAILED"

    stuck.store("old.zip")
    agreed = shared.imgctl("--stack", STACK, "deploy", answers="y\nn\n")  # and no to the plan
    assert agreed.code == 1
    assert "The update was rolled back. Planning your changes:" in agreed.err
    assert stuck.status == "UPDATE_ROLLBACK_COMPLETE"
