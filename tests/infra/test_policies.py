"""What CloudFormation does in a deployer's name is granted; tests/e2e looks at the program."""

import json

import pytest
from cfnlint import decode

from infra.template import stack_template
from tests.infra import iam_coverage
from tests.infra.iam_evaluation import fault_of, is_allowed

POLICIES = ["deployer", "deployer-data", "destroyer", "eraser", "operator", "planner"]
MANAGED_POLICY_CHARACTERS = 6144
"""IAM's limit on a managed policy, without white space (IAM User Guide, "IAM and STS quotas")."""


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_fits_into_a_managed_one(name: str) -> None:
    text = json.dumps(iam_coverage.policy(name), separators=(",", ":"))
    assert len(text) <= MANAGED_POLICY_CHARACTERS
    assert fault_of(text) is None


@pytest.mark.parametrize("name", POLICIES)
def test_no_policy_grants_all_of_a_service_or_writes_anywhere(name: str) -> None:
    for statement in iam_coverage.policy(name)["Statement"]:
        actions = statement["Action"]
        for action in [actions] if isinstance(actions, str) else actions:
            verb = action.partition(":")[2]
            assert "*" not in verb or verb.startswith(("Get", "Describe", "List"))
        if statement["Resource"] == "*" and "Condition" not in statement:
            assert statement["Sid"] in ("WithoutResource", "ProcessMillionsAgain")


KEY = "arn:aws:kms:eu-west-2:123456789012:key/1"
USES_OF_THE_KEY = {
    "deployer-data": ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"),
    "eraser": ("kms:Decrypt",),
    "operator": ("kms:Decrypt", "kms:GenerateDataKey"),
}


@pytest.mark.parametrize(
    ("name", "action"), [(name, use) for name, uses in USES_OF_THE_KEY.items() for use in uses]
)
def test_a_customers_key_is_only_used_through_a_service_of_the_stack(
    name: str, action: str
) -> None:
    policy = iam_coverage.policy(name)
    assert not is_allowed(policy, action, KEY)
    assert not is_allowed(policy, action, KEY, kms_ViaService="ec2.eu-west-2.amazonaws.com")
    assert is_allowed(policy, action, KEY, kms_ViaService="dynamodb.eu-west-2.amazonaws.com")


def test_a_grant_of_the_customers_key_is_for_a_service_itself() -> None:
    policy, via = iam_coverage.policy("deployer-data"), "lambda.eu-west-2.amazonaws.com"
    action, own = "kms:CreateGrant", {"kms_GrantIsForAWSResource": "true"}
    assert is_allowed(policy, action, KEY, kms_ViaService=via, **own)
    assert not is_allowed(policy, action, KEY, kms_ViaService=via)
    assert not is_allowed(policy, action, KEY, **own)


def test_the_deployer_itself_looks_at_the_customers_key() -> None:
    assert is_allowed(iam_coverage.policy("deployer-data"), "kms:DescribeKey", KEY)


def test_the_handlers_of_every_resource_are_known() -> None:
    template, _ = decode.decode_str(stack_template())
    assert {r["Type"] for r in template["Resources"].values()} == iam_coverage.handled_types()


def test_what_cloudformation_does_is_granted_but_for_features_that_are_not_used() -> None:
    missing = iam_coverage.unmatched(
        iam_coverage.handlers_rights(), iam_coverage.granted("deployer", "deployer-data")
    )
    assert iam_coverage.unmatched(missing, iam_coverage.unused_rights()) == set()
    assert iam_coverage.idle(iam_coverage.unused_rights(), missing) == set()
