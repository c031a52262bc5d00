"""`imgctl template`: where its names come from, and the forms that it prints."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from infra import deployment, ownership
from infra.bundle import Architecture, Bundle
from infra.cloudformation import StackClient
from infra.deployed_stack import DeployedStack
from infra.template import stack_template, with_hashed_ids
from tests.cli_result import CliResult
from tests.infra.recorded import stack
from tests.moto_aws import moto_account

__all__ = ["moto_account"]

Imgctl = Callable[..., CliResult]
REGION = ("--region", "eu-west-2")
MOTOS_ACCOUNT = "123456789012"


@pytest.fixture(autouse=True)
def _bundle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Take the bundle as built, and the account without an API: this is about neither."""
    monkeypatch.setattr(ownership, "api_logging_role", lambda _: None)
    monkeypatch.chdir(tmp_path)
    bundle = Bundle(tmp_path / "x.zip", "ab" * 32, 1, 1, Architecture.ARM64, "cd" * 32)
    monkeypatch.setattr(deployment, "make_bundle", lambda *_, **__: bundle)


def read_as(monkeypatch: pytest.MonkeyPatch, deployed: DeployedStack) -> None:
    monkeypatch.setattr(StackClient, "read", lambda *_: deployed)


def test_template_and_parameters_are_those_of_the_account_and_belong_together(
    moto_account: None,  # noqa: ARG001
    imgctl: Imgctl,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read_as(monkeypatch, DeployedStack("imgctl", None))
    parameters = json.loads(imgctl("template", "--parameters", "map", *REGION).succeeded().out)
    assert parameters["SourceBucketName"] == f"src-bucket-image-in-{MOTOS_ACCOUNT}-eu-west-2"
    listed = json.loads(imgctl("template", "--parameters", "aws", *REGION).succeeded().out)
    assert {item["ParameterKey"]: item["ParameterValue"] for item in listed} == parameters
    done = imgctl("template", *REGION).succeeded()
    assert done.out == with_hashed_ids(stack_template(), parameters)
    place = f"s3://{parameters['CodeBucket']}/{parameters['CodeKey']}"
    assert f"aws s3 cp function.zip {place}" in done.err

    document = imgctl("template", "--json", "--format", "json", *REGION).document
    assert document["parameters"] == parameters
    assert document["bundle"]["key"] == parameters["CodeKey"]
    assert json.loads(document["template"])["Resources"].keys() >= {"SourceBucket", "Records"}


def test_a_version_that_a_rollback_made_live_stays_live(
    moto_account: None,  # noqa: ARG001
    imgctl: Imgctl,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rolled_back = {"LiveVersion": "3", "ApiLoggingRole": "create"}
    read_as(monkeypatch, stack("UPDATE_COMPLETE", parameters=rolled_back))
    parameters = json.loads(imgctl("template", "--parameters", "map", *REGION).succeeded().out)
    assert {name: parameters[name] for name in rolled_back} == rolled_back


def test_without_credentials_the_settings_name_the_account(
    imgctl: Imgctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = imgctl("template", *REGION)
    assert (refused.code, "No AWS credentials were found" in refused.err) == (3, True)
    monkeypatch.setenv("IMGCTL_ACCOUNT", "210987654321")
    done = imgctl("template", "--parameters", "map", *REGION).succeeded()
    assert "-210987654321-eu-west-2" in json.loads(done.out)["SourceBucketName"]
    assert "The template is for the names in the settings." in done.err
    assert "set the parameter ApiLoggingRole to existing" in done.err


def test_a_stack_that_cannot_be_updated_is_not_exported(
    moto_account: None,  # noqa: ARG001
    imgctl: Imgctl,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read_as(monkeypatch, stack("UPDATE_ROLLBACK_FAILED"))
    refused = imgctl("template", *REGION)
    assert (refused.code, refused.out) == (1, "")
    assert "deploy --continue-rollback" in refused.err


def test_a_stack_that_may_not_be_read_is_as_the_settings_describe_it(
    moto_account: None,  # noqa: ARG001
    imgctl: Imgctl,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> DeployedStack:
        error = {"Error": {"Code": "AccessDenied", "Message": "not authorized to perform: x:Y"}}
        raise ClientError(error, "DescribeStacks")  # type: ignore[arg-type]

    monkeypatch.setattr(StackClient, "read", refuse)
    done = imgctl("template", "--parameters", "map", *REGION).succeeded()
    assert MOTOS_ACCOUNT in json.loads(done.out)["SourceBucketName"]
