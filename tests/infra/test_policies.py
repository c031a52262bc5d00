"""What CloudFormation does in a deployer's name is granted; tests/e2e looks at the program."""

import json

import pytest
from cfnlint import decode

from infra.template import stack_template
from tests.infra import iam_coverage

POLICIES = ["deployer", "destroyer", "eraser", "operator"]
MANAGED_POLICY_CHARACTERS = 6144
"""IAM's limit on a managed policy, without white space (IAM User Guide, "IAM and STS quotas")."""


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_fits_into_a_managed_one(name: str) -> None:
    text = json.dumps(iam_coverage.policy(name), separators=(",", ":"))
    assert len(text) <= MANAGED_POLICY_CHARACTERS


@pytest.mark.parametrize("name", POLICIES)
def test_no_policy_grants_all_of_a_service_or_writes_anywhere(name: str) -> None:
    for statement in iam_coverage.policy(name)["Statement"]:
        actions = statement["Action"]
        for action in [actions] if isinstance(actions, str) else actions:
            verb = action.partition(":")[2]
            assert "*" not in verb or verb.startswith(("Get", "Describe", "List"))
        if statement["Resource"] == "*" and "Condition" not in statement:
            assert statement["Sid"] in ("WithoutResource", "ProcessMillionsAgain")


def test_the_handlers_of_every_resource_are_known() -> None:
    template, _ = decode.decode_str(stack_template())
    assert {r["Type"] for r in template["Resources"].values()} == iam_coverage.handled_types()


def test_what_cloudformation_does_is_granted_but_for_features_that_are_not_used() -> None:
    missing = iam_coverage.unmatched(
        iam_coverage.handlers_rights(), iam_coverage.granted("deployer")
    )
    assert iam_coverage.unmatched(missing, iam_coverage.unused_rights()) == set()
    assert iam_coverage.idle(iam_coverage.unused_rights(), missing) == set()
