"""How an upload reaches the function: what was read, compared with what was deployed."""

import pytest

from infra.deployed_stack import DeployedStack, StackResource
from infra.drift import PropertyDrift
from infra.trigger import (
    Alias,
    InvokePermission,
    Notification,
    alias_drift,
    expected_environment,
    expected_trigger,
    notification_drift,
    permission_drift,
)

ARN = "arn:aws:lambda:eu-west-2:123456789012:function:f"
RESOURCES = tuple(
    StackResource(name, "", physical_id, "CREATE_COMPLETE")
    for name, physical_id in {
        "FunctionAlias": f"{ARN}:live",
        "CodeVersion0123456789ab": f"{ARN}:3",
        "SourceBucket": "src",
    }.items()
)
PARAMETERS = {"SourceBucketName": "src", "Scale": "0.5", "Quality": ""}


def deployed(**more: str) -> DeployedStack:
    return DeployedStack("imgctl", "UPDATE_COMPLETE", parameters=PARAMETERS | more)


EXPECTED = expected_trigger(deployed(), RESOURCES)
WANTED = Notification(f"{ARN}:live", ("s3:ObjectCreated:*",))


def test_a_rollback_makes_another_version_the_expected_one() -> None:
    assert EXPECTED.alias == Alias("3")
    assert expected_trigger(deployed(LiveVersion="2"), RESOURCES).alias == Alias("2")


def test_a_gradual_release_makes_two_versions_the_expected_ones() -> None:
    expected = expected_trigger(deployed(LiveVersion="2", CanaryWeight="0.1"), RESOURCES)
    assert expected.alias == Alias("2", {"3": 0.1})
    assert alias_drift(expected, Alias("2", {"3": 0.1})) is None
    drift = alias_drift(expected, Alias("2"))
    assert drift is not None
    assert drift.properties == (PropertyDrift("RoutingConfig", "3: 10%", None),)


def test_a_variable_without_a_value_is_not_expected() -> None:
    assert expected_environment(PARAMETERS) == {"SOURCE_BUCKET": "src", "SCALE": "0.5"}


@pytest.mark.parametrize(
    ("notifications", "actual"),
    [
        ((), None),
        ((Notification(ARN, ("s3:ObjectCreated:*",)),), f"s3:ObjectCreated:* to {ARN}"),
        (
            (Notification(f"{ARN}:live", ("s3:ObjectCreated:Put",), "suffix .jpg"),),
            f"s3:ObjectCreated:Put to {ARN}:live for suffix .jpg",
        ),
        (
            (WANTED, Notification("arn:queue", ("s3:ObjectRemoved:*",))),
            f"s3:ObjectCreated:* to {ARN}:live; s3:ObjectRemoved:* to arn:queue",
        ),
    ],
)
def test_any_other_notification_than_the_deployed_one_is_a_drift(
    notifications: tuple[Notification, ...], actual: str | None
) -> None:
    drift = notification_drift(EXPECTED, notifications)
    assert drift is not None
    expected = f"s3:ObjectCreated:* to {ARN}:live"
    assert drift.properties == (PropertyDrift("NotificationConfiguration", expected, actual),)


def test_the_deployed_notification_is_no_drift() -> None:
    assert notification_drift(EXPECTED, (WANTED,)) is None


@pytest.mark.parametrize(
    ("permission", "is_drift"),
    [
        (InvokePermission("arn:aws:s3:::src", "123456789012"), False),
        (InvokePermission("", "123456789012"), False),
        (InvokePermission("arn:aws:s3:::src", "999999999999"), True),
        (InvokePermission("arn:aws:s3:::other-src", "123456789012"), True),
    ],
)
def test_the_permission_has_to_be_for_the_bucket_and_the_account(
    permission: InvokePermission, *, is_drift: bool
) -> None:
    assert (permission_drift(EXPECTED, (permission,)) is not None) == is_drift


@pytest.mark.parametrize(
    ("alias", "names"),
    [
        (Alias("3"), []),
        (Alias("$LATEST"), ["FunctionVersion"]),
        (Alias("3", {"2": 0.5}), ["RoutingConfig"]),
    ],
)
def test_an_alias_with_another_version_is_a_drift(alias: Alias, names: list[str]) -> None:
    drift = alias_drift(EXPECTED, alias)
    assert [item.name for item in drift.properties] == names if drift else names == []


def test_an_alias_that_is_gone_is_a_drift() -> None:
    drift = alias_drift(EXPECTED, None)
    assert drift is not None
    assert drift.is_deleted
