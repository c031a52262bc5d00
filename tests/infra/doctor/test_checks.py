"""What the checks make of facts; tests/e2e/test_doctor.py breaks a stack."""

from dataclasses import replace
from typing import Any

import pytest

from infra.deployed_stack import DeployedStack, StackResource
from infra.doctor import facts
from infra.doctor.checks import CHECKS
from infra.doctor.examination import RIGHTS, judge
from infra.doctor.facts import Facts, NotRead
from infra.doctor.reading import stack_facts
from infra.doctor.result import CheckResult, Status
from infra.doctor.roles import allows
from infra.function_version import parse_version
from infra.snapshots import INDEXES

ACCOUNT, REGION = "123456789012", "eu-west-2"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"
PARAMETERS = {
    "SourceBucketName": "src",
    "DestinationBucketName": "dest",
    "TableName": "t",
    "FunctionName": "f",
    "FunctionRoleName": "r",
    "DeadLetterQueueName": "q",
    "Architecture": "arm64",
    "MemoryMegabytes": "1769",
    "TimeoutSeconds": "60",
    "AlarmEmail": "me@example.org",
    "ApiAuthorization": "iam",
}
STACK = stack_facts(
    DeployedStack(
        "imgctl",
        "UPDATE_COMPLETE",
        stack_id=f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/imgctl/1",
        parameters=PARAMETERS,
    ),
    (
        StackResource("FunctionAlias", "", f"{FUNCTION}:live", "CREATE_COMPLETE"),
        StackResource("CodeVersion0123456789ab", "", f"{FUNCTION}:1", "CREATE_COMPLETE"),
    ),
)
VERSION = parse_version(
    {
        "Version": "1",
        "FunctionName": "f",
        "LastModified": "",
        "CodeSha256": "x",
        "CodeSize": 1,
        "Role": "arn:aws:iam::1:role/r",
        "MemorySize": 1769,
        "Timeout": 60,
        "Architectures": ["arm64"],
    }
)
RECENT = facts.RecentImages(
    count=3, longest_ms=1_000, largest_bytes=1_000, too_large=(), too_slow=()
)
LIVE = facts.LiveFunction(VERSION, scratch_mb=512)
WITH_SNAPSHOT = replace(LIVE, settings=replace(VERSION, snap_start=True))
TABLE = facts.Table((("resource-id", "HASH"),), {index["IndexName"]: index for index in INDEXES})


def result(name: str, *observed: Any, **parameters: str) -> CheckResult:
    (check,) = (check for check in (*CHECKS, RIGHTS) if check.name == name)
    stack = replace(
        STACK, deployed=replace(STACK.deployed, parameters={**PARAMETERS, **parameters})
    )
    return judge(check, Facts({facts.Stack: stack, **{type(one): one for one in observed}}))


def message(name: str, *observed: Any, **parameters: str) -> str:
    """Return the problem's message; empty if there is none."""
    problem = result(name, *observed, **parameters).problem
    return problem.message if problem else ""


def test_a_fact_that_may_not_be_read_leaves_its_checks_out() -> None:
    reason = NotRead("Not allowed to perform dynamodb:DescribeTable.")
    (check,) = (check for check in CHECKS if check.name == "indexes")
    found = judge(check, Facts({facts.Stack: STACK, facts.Records: reason}))
    assert (found.status, found.note) == (Status.NOT_CHECKED, str(reason))


@pytest.mark.parametrize(
    ("pillow", "architecture", "problem"),
    [
        (("_imaging.cpython-312-aarch64-linux-gnu.so",), "arm64", ""),
        (("_imaging.cpython-312-x86_64-linux-gnu.so",), "x86_64", ""),
        (("_imaging.cpython-312-darwin.so",), "arm64", ""),
        (("_imaging.cpython-312-x86_64-linux-gnu.so",), "arm64", "another architecture"),
        ((), "arm64", "lacks Pillow"),
    ],
)
def test_pillow_has_to_be_there_for_the_functions_architecture(
    pillow: tuple[str, ...], architecture: str, problem: str
) -> None:
    bundle = facts.Bundle(exists=True, pillow=pillow)
    found = message("pillow", bundle, Architecture=architecture)
    assert problem in found
    assert bool(found) == bool(problem)


@pytest.mark.parametrize(("stored", "noted"), [("x", False), ("", False), ("y", True)])
def test_unpublished_code_that_differs_from_the_stored_bundle_is_noted(
    stored: str, *, noted: bool
) -> None:
    bundle = facts.Bundle(exists=True, pillow=(), sha256=stored)
    function = facts.Function(VERSION, state="Active", reason="", handler="", scratch_mb=512)
    found = result("code", bundle, function)
    assert (found.status, "unpublished code" in found.note) == (Status.OK, noted)


@pytest.mark.parametrize(
    ("version", "is_old"), [("", False), ("1.35.68", True), ("1.35.69", False), ("1.40.0", False)]
)
def test_an_sdk_without_conditional_writes_is_named(version: str, *, is_old: bool) -> None:
    assert ("conditional writes" in message("sdk", facts.Sdk(version))) == is_old


@pytest.mark.parametrize(
    ("live", "told"),
    [
        (LIVE, ""),
        (replace(WITH_SNAPSHOT, has_snapshot=True), ""),
        (replace(WITH_SNAPSHOT, state="Pending"), "still taking"),
        (replace(WITH_SNAPSHOT, state="Failed", reason="It timed out."), "Failed. It timed out."),
        (WITH_SNAPSHOT, "has no snapshot and is Active."),
    ],
)
def test_a_live_version_with_snap_start_has_to_have_its_snapshot(
    live: facts.LiveFunction, told: str
) -> None:
    found = result("snapshot", live)
    text = found.problem.message if found.problem else found.note
    assert told in text
    assert bool(told) == bool(text)


def test_a_version_from_before_snap_start_is_noted() -> None:
    assert "without snap_start" in result("snapshot", LIVE, SnapStart="true").note


def test_snap_start_that_was_turned_off_elsewhere_is_named() -> None:
    function = facts.Function(VERSION, "Active", "", "imgctl.worker.function.lambda_handler", 512)
    assert "snap_start is false, not true" in message("settings", function, SnapStart="true")
    assert "snap_start" not in message("settings", function)


@pytest.mark.parametrize(
    ("recent", "problem"),
    [
        (replace(RECENT, count=0), ""),
        (RECENT, ""),
        (replace(RECENT, longest_ms=50_000), "one took 50 s, and the timeout is 60 s"),
        (replace(RECENT, largest_bytes=450 * 1024**2), "one has 450 MiB, and /tmp 512 MB"),
        (replace(RECENT, too_large=("b", "a")), "2 failed as too large, the newest b"),
        (replace(RECENT, too_slow=("a",)), "1 failed as too slow"),
    ],
)
def test_the_limits_have_to_suit_the_newest_images(
    recent: facts.RecentImages, problem: str
) -> None:
    found = message("limits", LIVE, recent)
    assert problem in found
    assert bool(found) == bool(problem)


@pytest.mark.parametrize(
    ("subscribers", "problem"),
    [
        (facts.Subscribers((), 0, 0), ""),
        (facts.Subscribers(("topic",), 1, 1), ""),
        (facts.Subscribers(("topic",), 0, 1), "me@example.org has not confirmed"),
        (facts.Subscribers(("topic",), 0, 0), "has no subscriber"),
    ],
)
def test_alarms_need_somebody_who_hears_them(subscribers: facts.Subscribers, problem: str) -> None:
    found = message("subscribers", subscribers)
    assert problem in found
    assert bool(found) == bool(problem)


@pytest.mark.parametrize(
    ("reserved", "deployed", "problem"),
    [
        (None, "", ""),
        (5, "5", ""),
        (0, "", "switched off"),
        (None, "5", "No invocations are reserved, not 5"),
        (3, "5", "3 invocations are reserved, not 5"),
    ],
)
def test_the_reserved_concurrency_is_that_of_the_deployment(
    reserved: int | None, deployed: str, problem: str
) -> None:
    observed = facts.Concurrency(reserved, 1000, 1000)
    found = message("concurrency", observed, ReservedConcurrency=deployed)
    assert problem in found
    assert bool(found) == bool(problem)


def test_an_account_without_unreserved_concurrency_throttles_everything() -> None:
    assert "throttled" in message("account-limit", facts.Concurrency(None, 10, 0))
    assert result("account-limit", facts.Concurrency(None, 10, 10)).note.startswith("at most 10")
    assert not message("account-limit", facts.Concurrency(5, 10, 0))


def test_a_bucket_that_is_gone_or_somebody_elses_or_elsewhere_is_named() -> None:
    gone, here = facts.Bucket("src", "does not exist"), facts.Bucket("dest", region=REGION)
    assert message("buckets", facts.Buckets((gone, here))) == "src does not exist."
    denied = facts.Buckets((facts.Bucket("src", is_denied=True), here))
    assert result("buckets", denied).status is Status.NOT_CHECKED
    elsewhere = facts.Buckets((facts.Bucket("src", region="eu-west-1"), here))
    assert "src is in eu-west-1" in message("bucket-region", elsewhere)


@pytest.mark.parametrize(
    ("check", "table", "problem"),
    [
        ("table", None, "does not exist"),
        ("table", replace(TABLE, keys=(("id", "HASH"),)), "the key id (HASH)"),
        ("table", TABLE, ""),
        ("indexes", TABLE, ""),
        ("indexes", replace(TABLE, indexes={}), "by-time, by-key, by-status"),
        (
            "indexes",
            replace(
                TABLE,
                indexes={**TABLE.indexes, "by-key": {**INDEXES[1], "KeySchema": []}},
            ),
            "by-key has another key",
        ),
    ],
)
def test_the_table_has_its_key_and_indexes(
    check: str, table: facts.Table | None, problem: str
) -> None:
    found = message(check, facts.Records(table))
    assert problem in found
    assert bool(found) == bool(problem)


def test_a_disabled_key_is_named() -> None:
    assert "Disabled" in message("kms-key", facts.Key("Disabled"))
    assert not message("kms-key", facts.Key("Enabled"))


def test_who_may_either_operate_or_deploy_lacks_nothing() -> None:
    assert not message("permissions", facts.Rights(("s3:PutObject",), ()))
    lacking = facts.Rights(("s3:PutObject",), ("iam:PutRolePolicy", "s3:PutBucketNotification"))
    assert "you lack s3:PutObject." in message("permissions", lacking)


ALLOW = facts.Statement(allows=True, actions=("s3:Get*",), resources=("arn:aws:s3:::src/*",))
DENY = replace(ALLOW, allows=False, actions=("S3:GETOBJECT",))


@pytest.mark.parametrize(
    ("statements", "action", "resource", "allowed"),
    [
        ((ALLOW,), "s3:GetObject", "arn:aws:s3:::src/x", True),
        ((ALLOW,), "s3:PutObject", "arn:aws:s3:::src/x", False),
        ((ALLOW,), "s3:GetObject", "arn:aws:s3:::srcs/x", False),
        ((ALLOW, DENY), "s3:GetObject", "arn:aws:s3:::src/x", False),
        ((ALLOW, DENY), "s3:GetObjectVersion", "arn:aws:s3:::src/x", True),
        ((), "s3:GetObject", "arn:aws:s3:::src/x", False),
    ],
)
def test_a_role_may_do_what_a_statement_allows_and_none_denies(
    statements: tuple[facts.Statement, ...], action: str, resource: str, *, allowed: bool
) -> None:
    assert allows(facts.Role("r", (), statements), action, resource) == allowed
