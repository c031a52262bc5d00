"""A policy for one stack: what it allows, what it leaves out, and whether IAM accepts it."""

import json
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

import pytest
from cfnlint.api import lint
from cfnlint.config import ManualArgs

from infra.deployed_stack import DeployedStack
from infra.names import InvalidName, stack_names
from infra.parameters import STAGE_NAME
from infra.policy_documents import (
    MAX_CHARACTERS,
    PolicyKind,
    PolicyScope,
    PolicyTooLong,
    general_policy,
    left_out,
    narrowed_policy,
    scope_of,
)
from infra.settings import NAME_SETTINGS, StackSettings
from tests.infra.iam_coverage import actions_of
from tests.infra.iam_evaluation import ACCOUNT, fault_of, is_allowed

KEY = f"arn:aws:kms:eu-west-2:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
EVERYTHING = StackSettings(alarm_email="me@example.org", api_authorization="key", kms_key=KEY)
NOTHING = StackSettings()
LONGEST: dict[str, Any] = {
    "source_bucket": "s" * 63,
    "destination_bucket": "d" * 63,
    "access_logs_bucket": "l" * 63,
    "table": "t" * 255,
    "function": "f" * 64,
    "function_role": "r" * 64,
    "dead_letter_queue": "q" * 80,
    "api": "a" * 128,
    "api_role": "p" * 64,
}
KINDS = pytest.mark.parametrize("kind", PolicyKind)


def scope(
    settings: StackSettings = EVERYTHING,
    stack: str = "imgctl",
    region: str = "eu-west-2",
    partition: str = "aws",
    deployed: DeployedStack | None = None,
) -> PolicyScope:
    names = stack_names(stack, ACCOUNT, region, settings.chosen_names)
    return scope_of(
        stack,
        partition,
        names,
        settings,
        deployed or DeployedStack(stack, None),
        region=region,
        account=ACCOUNT,
        service_role=f"arn:{partition}:iam::{ACCOUNT}:role/imgctl-cloudformation"
        if settings is not NOTHING
        else None,
    )


def deployed_stack(**changed: str) -> DeployedStack:
    """Return a stack as it is deployed with the default settings, but for some parameters."""
    names = stack_names("imgctl", ACCOUNT, "eu-west-2")
    parameters = {spec.parameter: getattr(names, spec.name) for spec in NAME_SETTINGS}
    outputs = {"ApiId": "a1", "ApiKeyId": "k1"}
    return DeployedStack(
        "imgctl",
        "UPDATE_COMPLETE",
        parameters=parameters | {"CodeBucket": names.artifacts_bucket} | changed,
        outputs=outputs | {name: changed[name] for name in outputs.keys() & changed.keys()},
    )


def resources_of(document: Any) -> set[str]:
    listed = (statement["Resource"] for statement in document["Statement"])
    return {r for item in listed for r in ([item] if isinstance(item, str) else item)}


@KINDS
def test_a_stack_that_uses_everything_has_every_statement(kind: PolicyKind) -> None:
    policy = narrowed_policy(kind, scope())
    assert left_out(kind, policy) == ()
    assert actions_of(policy) == actions_of(general_policy(kind))


def test_every_action_exists_and_can_be_allowed_on_such_resources() -> None:
    """cfn-lint has AWS's lists of actions and of the resources that each can be restricted to."""
    policies = {
        f"Policy{number}": {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {"PolicyDocument": narrowed_policy(kind, scope())},
        }
        for number, kind in enumerate(PolicyKind)
    }
    template = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": policies}
    config = ManualArgs(include_checks=["I"], regions=["us-east-1"])
    assert [match.message for match in lint(json.dumps(template), config=config)] == []


@KINDS
def test_a_narrowed_policy_allows_nothing_that_the_general_one_does_not(kind: PolicyKind) -> None:
    general = resources_of(general_policy(kind))
    for resource in resources_of(narrowed_policy(kind, scope())):
        assert any(fnmatchcase(resource, pattern) for pattern in general), resource


@KINDS
def test_a_narrowed_policy_names_the_account_and_the_region_of_every_resource(
    kind: PolicyKind,
) -> None:
    for resource in resources_of(narrowed_policy(kind, scope())) - {"*"}:
        _, partition, service, region, account, name = resource.split(":", 5)
        assert partition == "aws"
        assert "*" not in region + account
        # Generated names, and API Gateway, which knows no names.
        is_generated = any(part in name for part in ("Role-*", "alarm:imgctl-*", "AlarmTopic-*"))
        whole = name.replace("/*", "").replace(":*", "").replace(f"_*/{STAGE_NAME}*", "")
        assert service in ("apigateway", "execute-api") or is_generated or "*" not in whole


@pytest.mark.parametrize(
    ("kind", "action", "resource"),
    [
        ("deployer", "cloudformation:DeleteStack", "cloudformation:{}:stack/imgctl{}/x"),
        ("deployer", "lambda:DeleteFunction", "lambda:{}:function:Landa-image-s3-function{}"),
        ("deployer", "logs:DeleteLogGroup", "logs:{}:log-group:/aws/apigateway/Quaen-Hala-API{}"),
        ("deployer-data", "sqs:DeleteQueue", "sqs:{}:Landa-image-s3-function-dead-letters{}"),
        ("destroyer", "dynamodb:DeleteTable", "dynamodb:{}:table/hala-db{}"),
        ("eraser", "dynamodb:DeleteItem", "dynamodb:{}:table/hala-db{}"),
        ("planner", "cloudformation:CreateChangeSet", "cloudformation:{}:stack/imgctl{}/x"),
        ("operator", "lambda:InvokeFunction", "lambda:{}:function:Landa-image-s3-function{}:live"),
    ],
)
def test_the_resources_of_another_stack_are_out_of_reach(
    kind: str, action: str, resource: str
) -> None:
    policy = narrowed_policy(PolicyKind(kind), scope())
    here = f"eu-west-2:{ACCOUNT}"
    assert is_allowed(policy, action, "arn:aws:" + resource.format(here, ""))
    assert not is_allowed(policy, action, "arn:aws:" + resource.format(here, "-photos"))
    elsewhere = resource.format(f"us-east-1:{ACCOUNT}", "")
    assert not is_allowed(policy, action, f"arn:aws:{elsewhere}")


@pytest.mark.parametrize(
    ("kind", "missing"),
    [
        ("deployer", ("AlarmMail",)),
        (
            "deployer-data",
            ("DescribeTheCustomersKey", "UseTheCustomersKey", "GrantTheCustomersKey"),
        ),
        ("destroyer", ()),
        ("eraser", ("UseTheCustomersKey",)),
        ("operator", ("ReadTheApisKey", "UseTheCustomersKey")),
        (
            "planner",
            (
                "ServiceRole",
                "DescribeTheCustomersKey",
            ),
        ),
    ],
)
def test_what_the_settings_do_not_need_is_left_out(kind: str, missing: tuple[str, ...]) -> None:
    policy = narrowed_policy(PolicyKind(kind), scope(NOTHING))
    assert left_out(PolicyKind(kind), policy) == missing
    assert not any("apikeys" in r or "usageplans" in r for r in resources_of(policy))


def test_only_the_stacks_own_key_may_be_used_and_only_in_its_region() -> None:
    policy = narrowed_policy(PolicyKind.OPERATOR, scope())
    here, there = (f"s3.{region}.amazonaws.com" for region in ("eu-west-2", "us-east-1"))
    assert is_allowed(policy, "kms:Decrypt", KEY, kms_ViaService=here)
    assert not is_allowed(policy, "kms:Decrypt", KEY, kms_ViaService=there)
    assert not is_allowed(policy, "kms:Decrypt", f"{KEY}0", kms_ViaService=here)


@KINDS
@pytest.mark.parametrize(
    ("partition", "region"), [("aws-cn", "cn-northwest-1"), ("aws-us-gov", "us-gov-west-1")]
)
def test_the_longest_names_fit_in_every_partition(
    kind: PolicyKind, partition: str, region: str
) -> None:
    key = f"arn:{partition}:kms:{region}:{ACCOUNT}:key/mrk-{'a' * 32}"
    longest = replace(EVERYTHING, kms_key=key, **LONGEST)
    policy = narrowed_policy(kind, scope(longest, "x" * 18, region, partition))
    text = json.dumps(policy, separators=(",", ":"))
    assert len(text) <= MAX_CHARACTERS
    assert fault_of(text) is None
    assert "arn:aws:" not in text
    assert ".amazonaws.com.cn" not in text  # kms:ViaService and service principals have none


def test_a_policy_that_is_too_long_says_how_to_shorten_it() -> None:
    longest = replace(EVERYTHING, **LONGEST)
    parameters = {spec.parameter: LONGEST[spec.name][:-1] for spec in NAME_SETTINGS}
    deployed = DeployedStack(
        "imgctl", "UPDATE_COMPLETE", parameters=parameters | {"CodeBucket": "c" * 63}
    )
    with pytest.raises(PolicyTooLong, match="6,144") as refused:
        narrowed_policy(PolicyKind.DEPLOYER, scope(longest, deployed=deployed))
    assert "shorter names" in refused.value.hint


def test_a_stack_that_is_to_change_needs_permissions_for_both_states() -> None:
    deployed = deployed_stack(FunctionName="before", KmsKeyArn=KEY, ApiAuthorization="key")
    both = scope(StackSettings(function="after"), deployed=deployed)
    policy = narrowed_policy(PolicyKind.OPERATOR, both)
    for function in ("before", "after"):
        arn = f"arn:aws:lambda:eu-west-2:{ACCOUNT}:function:{function}:live"
        assert is_allowed(policy, "lambda:InvokeFunction", arn)
    assert is_allowed(policy, "apigateway:GET", "arn:aws:apigateway:eu-west-2::/apikeys/k1")
    assert not is_allowed(policy, "apigateway:GET", "arn:aws:apigateway:eu-west-2::/apikeys/k2")
    assert both.kms_keys == (KEY,)


def test_a_stack_that_is_deployed_as_in_the_settings_has_one_set_of_names() -> None:
    assert len(scope(NOTHING, deployed=deployed_stack()).names) == 1
    assert len(scope(NOTHING, deployed=deployed_stack(TableName="other")).names) == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FunctionName", "*"),
        ("SourceBucketName", "photos*"),
        ("TableName", "hala-db/index/*"),
        ("CodeBucket", "x/../*"),
        ("KmsKeyArn", "arn:aws:kms:*:*:key/*"),
        ("ApiId", "*/*"),
        ("ApiKeyId", "k?"),
    ],
)
def test_whoever_deployed_a_stack_puts_no_wildcard_into_a_policy(name: str, value: str) -> None:
    with pytest.raises(InvalidName, match=name):
        scope(NOTHING, deployed=deployed_stack(**{name: value}))


def test_roles_are_those_below_their_path_and_of_the_deployed_path_too() -> None:
    deployed = deployed_stack(RolePath="")
    moved = replace(EVERYTHING, role_path="/teams/photos/", function_role="new")
    policy = narrowed_policy(PolicyKind.DEPLOYER, scope(moved, deployed=deployed))
    roles = {r.partition(":role")[2] for r in resources_of(policy) if ":role/" in r}
    assert {"/teams/photos/new", "/lambda-image-role", "/teams/photos/imgctl-BatchRole-*"} <= roles


def test_the_guard_names_the_boundary_of_the_settings() -> None:
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/teams/photos-boundary"
    bounded = replace(EVERYTHING, permissions_boundary=boundary)
    guard = narrowed_policy(PolicyKind.BOUNDARY_GUARD, scope(bounded))
    assert guard["Statement"][0]["Condition"] == {
        "StringNotLike": {"iam:PermissionsBoundary": boundary}
    }
    assert guard["Statement"][2]["Resource"] == boundary
