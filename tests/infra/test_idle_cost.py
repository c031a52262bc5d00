"""What the plan of a stack says that it costs while nothing arrives."""

import re
from decimal import Decimal

from infra.changes import Change
from infra.idle_cost import IdleItem, idle_cost
from infra.prices import PRICES_AS_OF, RESOURCE_PRICES
from infra.settings import StackSettings
from infra.template import stack_template

RESOURCES = re.findall(r"^  (\w+):\n    Type: (AWS::\w+::\w+)$", stack_template(), re.MULTILINE)
TYPES = [type_ for _, type_ in RESOURCES]
BY_REQUEST = Change("Add", "UploadsAlarm", "", "AWS::CloudWatch::Alarm")
EVERYTHING = [
    Change("Add", name, "", type_)
    for name, type_ in RESOURCES
    if name not in (BY_REQUEST.logical_id, "RolloutAlarm")
]
ALARMS, DASHBOARD = IdleItem("alarm", 9, Decimal("0.90")), IdleItem("dashboard", 1, Decimal(3))


def test_a_new_stack_costs_its_alarms_and_its_dashboard() -> None:
    cost = idle_cost(EVERYTHING, StackSettings())
    assert cost.items == (ALARMS, DASHBOARD)
    assert cost.usd == Decimal("3.90")


def test_an_alarm_that_compares_metrics_costs_more() -> None:
    cost = idle_cost([*EVERYTHING, BY_REQUEST], StackSettings(watch_uploads=True))
    assert cost.items == (
        ALARMS,
        DASHBOARD,
        IdleItem("alarm on three metrics", 1, Decimal("0.30")),
    )


def test_a_key_of_the_users_is_included() -> None:
    key = "arn:aws:kms:eu-west-2:123456789012:key/1"
    cost = idle_cost(EVERYTHING, StackSettings(kms_key=key))
    assert cost.items == (ALARMS, DASHBOARD, IdleItem("KMS key", 1, Decimal(1)))


def test_each_new_version_with_a_snapshot_costs_as_long_as_it_is_published() -> None:
    settings = StackSettings(snap_start=True, memory_mb=2048)
    snapshot = IdleItem("snapshot of a version", 1, 2 * 2_592_000 * Decimal("0.0000015046"))
    assert idle_cost(EVERYTHING, settings).items == (ALARMS, DASHBOARD, snapshot)
    version = Change("Add", "CodeVersion0123456789ab", "", "AWS::Lambda::Version")
    assert idle_cost([version], settings).items == (snapshot,)
    assert idle_cost([version], StackSettings()).items == ()


def test_a_plan_that_adds_nothing_with_a_monthly_price_costs_nothing_more() -> None:
    changes = [
        Change("Modify", "ErrorsAlarm", "", "AWS::CloudWatch::Alarm"),
        Change("Add", "CodeVersion", "", "AWS::Lambda::Version"),
    ]
    key = "arn:aws:kms:eu-west-2:123456789012:key/1"
    assert idle_cost(changes, StackSettings(kms_key=key)).items == ()


def test_prices_are_of_a_month_and_of_resources_that_the_template_has() -> None:
    assert re.fullmatch(r"20\d\d-\d\d", PRICES_AS_OF)
    assert set(RESOURCE_PRICES) <= set(TYPES)
