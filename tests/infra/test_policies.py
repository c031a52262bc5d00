"""What CloudFormation does in a deployer's name is granted; tests/e2e looks at the program."""

import json
from typing import Any

import pytest
from cfnlint import decode

from infra.policy_documents import PolicyKind
from infra.template import stack_template
from tests.infra import iam_coverage
from tests.infra.iam_evaluation import fault_of, is_allowed

POLICIES = [kind.value for kind in PolicyKind]
WITHOUT_RESOURCE = (
    "LogsOfEveryApi",
    "ProcessMillionsAgain",
    "Traces",
    "WithoutResource",
)
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
            assert statement["Sid"] in WITHOUT_RESOURCE or statement["Effect"] == "Deny"


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


BOUNDARY = "arn:aws:iam::123456789012:policy/imgctl-role-boundary"
ROLE = "arn:aws:iam::123456789012:role/lambda-image-role"
ALL: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}


@pytest.mark.parametrize(
    ("action", "keys", "allowed"),
    [
        ("iam:CreateRole", {}, False),
        ("iam:CreateRole", {"iam_PermissionsBoundary": BOUNDARY}, True),
        ("iam:CreateRole", {"iam_PermissionsBoundary": f"{BOUNDARY}-of-mine"}, False),
        ("iam:PutRolePolicy", {}, False),
        ("iam:PutRolePolicy", {"iam_PermissionsBoundary": BOUNDARY}, True),
        ("iam:AttachRolePolicy", {}, False),
        ("iam:PutRolePermissionsBoundary", {"iam_PermissionsBoundary": BOUNDARY}, True),
        ("iam:PutRolePermissionsBoundary", {"iam_PermissionsBoundary": "arn:aws:x"}, False),
        ("iam:DeleteRolePermissionsBoundary", {"iam_PermissionsBoundary": BOUNDARY}, False),
        ("iam:DeleteRole", {}, True),
    ],
)
def test_even_an_administrator_with_the_guard_creates_no_role_without_the_boundary(
    action: str, keys: dict[str, str], *, allowed: bool
) -> None:
    guarded = {
        **ALL,
        "Statement": ALL["Statement"] + iam_coverage.policy("boundary-guard")["Statement"],
    }
    assert is_allowed(guarded, action, ROLE, **keys) == allowed
    assert not is_allowed(guarded, "iam:CreatePolicyVersion", BOUNDARY)


def test_a_deployer_with_the_guard_can_do_what_the_stacks_roles_need() -> None:
    deployer, guard = iam_coverage.policy("deployer"), iam_coverage.policy("boundary-guard")
    guarded = {**deployer, "Statement": deployer["Statement"] + guard["Statement"]}
    bounded = {"iam_PermissionsBoundary": BOUNDARY}
    for action in ("iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"):
        assert is_allowed(guarded, action, ROLE, **bounded)
        assert not is_allowed(guarded, action, ROLE)


def test_the_pipeline_may_do_with_its_stack_what_a_deployer_may() -> None:
    """The embedded AWS updates too fast for a story in which an update is cancelled."""
    (deployers,), (pipelines,) = (
        [one["Action"] for one in iam_coverage.policy(name)["Statement"] if one["Sid"] == "Stack"]
        for name in ("deployer", "release-pipeline")
    )
    assert pipelines == deployers


def test_the_pipeline_passes_the_service_role_to_cloudformation_only() -> None:
    pipeline = iam_coverage.policy("release-pipeline")
    role = "arn:aws:iam::123456789012:role/imgctl-cloudformation"
    to_lambda = {"iam_PassedToService": "lambda.amazonaws.com"}
    to_cloudformation = {"iam_PassedToService": "cloudformation.amazonaws.com"}
    assert is_allowed(pipeline, "iam:PassRole", role, **to_cloudformation)
    assert not is_allowed(pipeline, "iam:PassRole", role, **to_lambda)
    assert not is_allowed(pipeline, "iam:PassRole", ROLE, **to_cloudformation)
    assert not is_allowed(pipeline, "iam:CreateRole", ROLE, iam_PermissionsBoundary=BOUNDARY)
