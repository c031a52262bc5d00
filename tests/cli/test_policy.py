"""`imgctl policy`: the account and the region that it is for, and what it prints."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from imgctl.cli.main import imgctl as program
from infra.cloudformation import StackClient
from infra.deployed_stack import DeployedStack
from infra.policy_documents import PolicyKind
from tests.cli_result import CliResult
from tests.infra.iam_evaluation import fault_of
from tests.moto_aws import moto_account

__all__ = ["moto_account"]

Imgctl = Callable[..., CliResult]
MOTOS_ACCOUNT = "123456789012"


def test_every_policy_can_be_printed() -> None:
    context: Any = None
    command = program.get_command(context, "policy")
    assert command is not None
    (argument,) = (item for item in command.params if item.name == "name")
    assert list(getattr(argument.type, "choices", ())) == [kind.value for kind in PolicyKind]


def test_the_account_is_that_of_the_credentials_and_stdout_is_the_policy(
    moto_account: None,  # noqa: ARG001
    imgctl: Imgctl,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(StackClient, "read", lambda _, stack: DeployedStack(stack, None))
    done = imgctl("policy", "eraser", "--region", "us-gov-west-1", "--stack", "photos")
    assert fault_of(done.succeeded().out) is None
    assert f"arn:aws-us-gov:dynamodb:us-gov-west-1:{MOTOS_ACCOUNT}:table/hala-db-photos" in done.out
    assert "Left out, because the settings do not need it: UseTheCustomersKey." in done.err
    document = imgctl("policy", "eraser", "--region", "us-gov-west-1", "--json").document
    assert (document["account"], document["left_out"]) == (MOTOS_ACCOUNT, ["UseTheCustomersKey"])


def test_a_guard_of_no_boundary_in_the_settings_says_which_one_it_is_for(
    imgctl: Imgctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMGCTL_ACCOUNT", MOTOS_ACCOUNT)
    arguments = ("policy", "boundary-guard", "--region", "eu-west-2")
    done = imgctl(*arguments).succeeded()
    assert "for a boundary that is called imgctl-role-boundary" in " ".join(done.err.split())
    boundary = f"arn:aws:iam::{MOTOS_ACCOUNT}:policy/mine"
    monkeypatch.setenv("IMGCTL_PERMISSIONS_BOUNDARY", boundary)
    done = imgctl(*arguments).succeeded()
    assert (boundary in done.out, "imgctl-role-boundary" in done.out + done.err) == (True, False)


def test_a_pipeline_without_a_service_role_is_told_that_it_cannot_deploy(
    imgctl: Imgctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMGCTL_ACCOUNT", MOTOS_ACCOUNT)
    arguments = ("policy", "release-pipeline", "--region", "eu-west-2")
    assert "not enough to deploy" in " ".join(imgctl(*arguments).succeeded().err.split())
    role = f"arn:aws:iam::{MOTOS_ACCOUNT}:role/deployments"
    monkeypatch.setenv("IMGCTL_ROLE_ARN", role)
    assert "role_arn" not in imgctl(*arguments).succeeded().err


def test_without_credentials_the_settings_name_the_account(
    imgctl: Imgctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("policy", "operator", "--region", "cn-north-1")
    refused = imgctl(*arguments)
    assert (refused.code, "No AWS credentials were found" in refused.err) == (3, True)
    assert "With the settings account and region" in refused.err
    monkeypatch.setenv("IMGCTL_ACCOUNT", "210987654321")
    done = imgctl(*arguments).succeeded()
    assert "The policy is for the names in the settings." in done.err
    assert "arn:aws-cn:sqs:cn-north-1:210987654321:" in done.out


def test_a_stack_that_may_not_be_read_is_as_the_settings_describe_it(
    moto_account: None,  # noqa: ARG001
    imgctl: Imgctl,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def denied(*_: object) -> None:
        error: Any = {"Error": {"Code": "AccessDenied", "Message": "You shall not pass"}}
        raise ClientError(error, "DescribeStacks")

    monkeypatch.setattr(StackClient, "read", denied)
    done = imgctl("policy", "operator", "--region", "eu-west-2").succeeded()
    assert "Not allowed to perform DescribeStacks" in done.err
    assert json.loads(done.out)["Statement"]


def test_a_region_in_no_partition_is_refused(
    moto_account: None,  # noqa: ARG001
    imgctl: Imgctl,
) -> None:
    refused = imgctl("policy", "operator", "--region", "xx-nowhere-1")
    assert (refused.code, "There is no AWS region 'xx-nowhere-1'" in refused.err) == (2, True)
