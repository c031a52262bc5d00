"""Versions and bundles are read and deleted as AWS has them; moto lacks what is patched here."""

import io
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from imgctl.aws.session import Aws
from infra.bundle_manifest import key_of
from infra.code_storage import delete_superseded, find_superseded
from infra.deployed_stack import DeployedStack, StackResource
from infra.function_version import Version
from infra.names import stack_names
from infra.pruning import NOTHING, Superseded, UpcomingVersion
from infra.stack_context import StackContext
from tests.infra.recorded import Recorded
from tests.infra.test_ownership import make_bucket

NAMES = stack_names("imgctl", "123456789012", "eu-west-2")
KEYS = [key_of(f"{number:064x}") for number in range(8)]
PARAMETERS = {"FunctionName": NAMES.function, "CodeKey": KEYS[5]}
DEPLOYED = DeployedStack("imgctl", "UPDATE_COMPLETE", stack_id="arn", parameters=PARAMETERS)
VERSION_ARN = f"arn:aws:lambda:eu-west-2:123456789012:function:{NAMES.function}:5"


def in_two_days() -> datetime:
    """Return a time at which a bundle that is stored now is old enough to be deleted."""
    return datetime.now(UTC) + timedelta(days=2)


class Account:
    """A stack with five versions, the fifth of them live, in an account at moto."""

    def __init__(self, aws: Aws) -> None:
        self.aws = aws
        self.recorded = Recorded()
        self.context = StackContext(aws, self.recorded.client, "imgctl", NAMES)
        self.lambda_: Any = aws.lambda_
        role = aws.iam.create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("a.py", "")
        self.lambda_.create_function(
            FunctionName=NAMES.function,
            Role=role,
            Runtime="python3.12",
            Handler="a.a",
            Code={"ZipFile": code.getvalue()},
        )
        for number in range(1, 6):
            self.publish(f"Resizes each new image. Code: {KEYS[number]}")
        self.lambda_.create_alias(FunctionName=NAMES.function, Name="live", FunctionVersion="5")
        self.resources = (
            StackResource("Function", "AWS::Lambda::Function", NAMES.function, "UPDATE_COMPLETE"),
            StackResource("CodeVersion1", "AWS::Lambda::Version", VERSION_ARN, "CREATE_COMPLETE"),
        )

    def publish(self, description: str) -> None:
        named = {"FunctionName": NAMES.function}
        self.lambda_.update_function_configuration(**named, Description=description)
        self.lambda_.publish_version(**named)

    def store_bundles(self) -> None:
        make_bucket(self.aws, NAMES.artifacts_bucket, [{"Key": "imgctl:stack", "Value": "imgctl"}])
        for key in [*KEYS[1:6], "batches/list.csv"]:
            self.aws.s3.put_object(Bucket=NAMES.artifacts_bucket, Key=key, Body=b"zip")

    def find(self, deployed: DeployedStack = DEPLOYED, *, keep: int = 2) -> Superseded:
        return find_superseded(self.context, deployed, keep=keep, now=in_two_days())

    def delete(self, planned: Superseded) -> list[Version | str]:
        deleted = delete_superseded(self.context, DEPLOYED, planned, keep=2, now=in_two_days())
        return list(deleted)

    @property
    def versions(self) -> list[str]:
        listed = self.lambda_.list_versions_by_function(FunctionName=NAMES.function)["Versions"]
        return [version["Version"] for version in listed[1:]]

    @property
    def bundles(self) -> list[str]:
        listed = self.aws.s3.list_objects_v2(Bucket=NAMES.artifacts_bucket)["Contents"]
        return [item["Key"] for item in listed]


@pytest.fixture
def account(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Account:
    account = Account(aws)
    monkeypatch.setattr(
        type(account.recorded.client), "list_resources", lambda *_: account.resources
    )
    respond(
        aws,
        "GetProvisionedConcurrencyConfig",
        error="ProvisionedConcurrencyConfigNotFoundException",
    )
    account.store_bundles()
    return account


def respond(aws: Aws, operation: str, *, error: str = "", **response: Any) -> None:
    """Answer for moto, which does not know the operation, or not all that AWS does."""
    parsed = {"Error": {"Code": error, "Message": "because"}} if error else response
    http = SimpleNamespace(status_code=409 if error else 200)
    events: Any = aws.lambda_.meta.events
    register = events.register_last if error else events.register_first
    register(f"before-call.lambda.{operation}", lambda **_: (http, parsed))


def numbers(superseded: Superseded) -> list[int]:
    return [version.number for version in superseded.versions]


def test_old_versions_and_their_bundles_are_found_and_deleted(account: Account) -> None:
    found = account.find()
    assert (numbers(found), list(found.bundles)) == ([1, 2, 3], KEYS[1:4])
    deleted = account.delete(found)
    assert deleted == [*found.versions, *found.bundles]
    assert account.versions == ["4", "5"]
    assert account.bundles == ["batches/list.csv", *KEYS[4:6]]
    assert account.find() == NOTHING
    assert account.delete(found) == []


def test_a_version_that_somebody_has_an_alias_for_is_kept(account: Account) -> None:
    routing = {"AdditionalVersionWeights": {"3": 0.1}}
    account.lambda_.create_alias(
        FunctionName=NAMES.function, Name="theirs", FunctionVersion="1", RoutingConfig=routing
    )
    assert numbers(account.find()) == [2]


@pytest.mark.parametrize(
    ("operation", "response"),
    [
        ("GetPolicy", {"Policy": "{}"}),
        ("GetProvisionedConcurrencyConfig", {"Status": "READY"}),
        (
            "ListEventSourceMappings",
            {"EventSourceMappings": [{"FunctionArn": VERSION_ARN[:-1] + n} for n in "123"]},
        ),
    ],
)
def test_a_version_that_is_set_up_to_be_invoked_itself_is_kept(
    account: Account, operation: str, response: dict[str, Any]
) -> None:
    respond(account.aws, operation, **response)
    assert account.find() == NOTHING


def test_an_event_source_of_the_function_itself_keeps_no_version(account: Account) -> None:
    mapping = {"FunctionArn": VERSION_ARN.removesuffix(":5")}
    respond(account.aws, "ListEventSourceMappings", EventSourceMappings=[mapping])
    assert numbers(account.find()) == [1, 2, 3]


def test_what_cloudformation_refers_to_is_kept_whatever_the_alias_says(account: Account) -> None:
    rolled_back = replace(DEPLOYED, parameters={**PARAMETERS, "LiveVersion": "2"})
    account.lambda_.update_alias(
        FunctionName=NAMES.function, Name="live", FunctionVersion="$LATEST"
    )
    assert numbers(account.find(rolled_back, keep=1)) == [1, 3, 4]  # 5 is the stack's resource


def test_what_somebody_else_published_is_kept(account: Account) -> None:
    for description in ("Hotfix, keep", f"Code: {KEYS[1]}.bak"):
        account.publish(description)
    assert numbers(account.find(keep=1)) == [1, 2, 3]
    assert account.find(keep=5) == NOTHING  # theirs do not count


@pytest.mark.parametrize(
    "deployed",
    [
        replace(DEPLOYED, status="ROLLBACK_COMPLETE"),
        replace(DEPLOYED, parameters={**PARAMETERS, "FunctionName": "somebody-elses"}),
    ],
)
def test_versions_of_a_function_that_is_not_proven_to_be_the_stacks_are_kept(
    account: Account, deployed: DeployedStack
) -> None:
    assert account.find(deployed) == NOTHING


@pytest.mark.parametrize("tags", [[], [{"Key": "imgctl:stack", "Value": "other"}]])
def test_bundles_in_a_bucket_that_is_not_proven_to_be_the_stacks_are_kept(
    account: Account, tags: list[Any]
) -> None:
    account.aws.s3.put_bucket_tagging(Bucket=NAMES.artifacts_bucket, Tagging={"TagSet": tags})
    found = account.find()
    assert (numbers(found), found.bundles) == ([1, 2, 3], ())


def test_a_version_that_lambda_does_not_delete_keeps_its_bundle_and_is_a_warning(
    account: Account,
) -> None:
    found = account.find()
    respond(account.aws, "DeleteFunction", error="ResourceConflictException")
    assert account.delete(found) == []
    assert account.bundles == ["batches/list.csv", *KEYS[1:6]]
    assert account.recorded.warnings[0] == "Version 1 was not deleted: because"


def test_what_is_in_use_since_it_was_planned_is_kept(account: Account) -> None:
    found = account.find()
    account.lambda_.create_alias(FunctionName=NAMES.function, Name="theirs", FunctionVersion="2")
    one, _, three = zip(found.versions, found.bundles, strict=True)
    assert account.delete(found) == [one[0], three[0], one[1], three[1]]
    assert account.versions == ["2", "4", "5"]
    (warning,) = account.recorded.warnings
    assert warning == "Version 2 was not deleted: It is in use by now, or gone."


def test_every_deletion_names_a_version_of_the_function(account: Account) -> None:
    asked: list[dict[str, Any]] = []
    events: Any = account.aws.lambda_.meta.events
    events.register(
        "provide-client-params.lambda.DeleteFunction", lambda params, **_: asked.append(params)
    )
    account.delete(account.find())
    assert [params["Qualifier"] for params in asked] == ["1", "2", "3"]


def test_a_version_that_is_gone_is_no_failure(account: Account) -> None:
    found = account.find()
    respond(account.aws, "DeleteFunction", error="ResourceNotFoundException")
    assert account.delete(found) == [*found.versions, *found.bundles]


def test_a_bundle_of_the_version_that_is_about_to_be_published_is_kept(account: Account) -> None:
    found = find_superseded(
        account.context,
        DEPLOYED,
        keep=3,
        now=in_two_days(),
        upcoming=UpcomingVersion(KEYS[1], becomes_live=True),
    )
    assert (numbers(found), list(found.bundles)) == ([1, 2, 3], KEYS[2:4])
    now = datetime.now(UTC)
    assert find_superseded(account.context, DEPLOYED, keep=2, now=now).bundles == ()
