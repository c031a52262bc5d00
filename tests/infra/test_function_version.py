"""A version only goes live in a stack that still has what the version is bound to."""

import re
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from infra.bundle_manifest import key_of
from infra.errors import DeployError
from infra.function_version import (
    VERSION_BINDINGS,
    Version,
    VersionIncompatible,
    VersionNotFound,
    check_compatible,
    check_live_version,
    choose_version,
    list_versions,
)
from infra.template import VERSION_PARAMETERS, stack_template

QUEUE = "arn:aws:sqs:eu-west-2:123456789012:letters"
VERSION = Version(
    number=2,
    function="f",
    modified="2026-11-25T00:00:00Z",
    sha256="x",
    size=1,
    role="arn:aws:iam::123456789012:role/r",
    dead_letter_queue=QUEUE,
    kms_key="",
    environment={"SOURCE_BUCKET": "in", "DESTINATION_BUCKET": "out", "TABLE_NAME": "t"},
    memory_mb=1769,
    timeout_s=60,
    architecture="arm64",
)
PARAMETERS = {
    "FunctionName": "f",
    "FunctionRoleName": "r",
    "DeadLetterQueueName": "letters",
    "KmsKeyArn": "",
    "SourceBucketName": "in",
    "DestinationBucketName": "out",
    "TableName": "t",
}


def test_a_version_that_the_stack_has_everything_for_is_compatible() -> None:
    assert set(PARAMETERS) == set(VERSION_BINDINGS)
    check_compatible(VERSION, PARAMETERS)


@pytest.mark.parametrize("name", VERSION_BINDINGS)
def test_a_rollback_to_a_version_bound_to_something_else_is_refused(name: str) -> None:
    with pytest.raises(
        VersionIncompatible, match=f"Version 2 .* with {name} .*, but the stack now has"
    ):
        check_compatible(VERSION, PARAMETERS | {name: "another"})


def test_a_version_without_a_queue_is_not_bound_to_one() -> None:
    check_compatible(replace(VERSION, dead_letter_queue=""), PARAMETERS)


@pytest.mark.parametrize("name", VERSION_BINDINGS)
def test_a_deployment_does_not_take_away_what_a_version_live_by_rollback_needs(name: str) -> None:
    deployed = PARAMETERS | {"LiveVersion": "2"}
    with pytest.raises(DeployError, match=f"Version 2 is live .* changed {name}") as refused:
        check_live_version(deployed, PARAMETERS | {name: "another"})
    assert "`imgctl publish`" in refused.value.hint
    check_live_version(deployed, PARAMETERS)
    check_live_version(PARAMETERS | {"LiveVersion": ""}, PARAMETERS | {name: "another"})


def test_every_parameter_that_a_version_freezes_makes_a_new_version() -> None:
    """Read from the template: the function's own block, and what it refers to by reference."""
    template = stack_template()
    parameters = set(re.findall(r"^  (\w+):\n    Type: (?:String|Number)$", template, re.MULTILINE))
    blocks = dict(re.findall(r"^  (\w+):\n((?:    .*\n|\n)+)", template, re.MULTILINE))
    function = blocks["Function"]
    conditions = dict(re.findall(r"^  (\w+): (!.*)$", template, re.MULTILINE))
    decided = " ".join(conditions[name] for name in re.findall(r"!If \[(\w+)", function))
    used = set(re.findall(r"!Ref (\w+)", function + decided)) & parameters
    for resource, name in (
        ("FunctionRole", "FunctionRoleName"),
        ("DeadLetters", "DeadLetterQueueName"),
    ):
        assert f"!GetAtt {resource}.Arn" in function
        assert name in re.findall(r"!Ref (\w+)", blocks[resource])
        used.add(name)
    concurrency = "ReservedConcurrency"  # belongs to the function, not to a version
    assert used - {concurrency, "CodeBucket"} == set(VERSION_PARAMETERS)


def test_versions_are_listed_newest_first_with_what_they_are_bound_to() -> None:
    client: Any = boto3.client(
        "lambda", region_name="eu-west-2", aws_access_key_id="x", aws_secret_access_key="x"
    )

    def listed(number: str, description: str = "") -> dict[str, Any]:
        return {
            "FunctionName": "f",
            "Version": number,
            "LastModified": VERSION.modified,
            "CodeSha256": "x",
            "CodeSize": 1,
            "Role": VERSION.role,
            "DeadLetterConfig": {"TargetArn": QUEUE},
            "Environment": {"Variables": dict(VERSION.environment)},
            "MemorySize": 1769,
            "Timeout": 60,
            "Architectures": ["arm64"],
            "Description": description,
        }

    current = f"Resizes images. Code: {key_of('ab' * 32)}"
    versions = [listed("$LATEST"), listed("1", "Resizes images."), listed("2", current)]
    with Stubber(client) as stub:
        stub.add_response("list_versions_by_function", {"Versions": versions})
        found = list_versions(client, "f")
    assert found == [replace(VERSION, bundle=key_of("ab" * 32)), replace(VERSION, number=1)]


@pytest.mark.parametrize(
    ("live", "requested", "chosen"), [(3, None, 2), (2, None, 1), (1, 3, 3), (3, 3, 3)]
)
def test_the_version_before_the_live_one_is_chosen_unless_one_is_requested(
    live: int, requested: int | None, chosen: int
) -> None:
    versions = [replace(VERSION, number=number) for number in (3, 2, 1)]
    assert choose_version(versions, live, requested).number == chosen


@pytest.mark.parametrize(("live", "requested"), [(1, None), (3, 9)])
def test_a_version_that_does_not_exist_is_not_found(live: int, requested: int | None) -> None:
    versions = [replace(VERSION, number=number) for number in (3, 2, 1)]
    with pytest.raises(VersionNotFound):
        choose_version(versions, live, requested)
