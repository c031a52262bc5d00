"""What a month costs: by the prices, and by what the function really does for one upload."""

import json
import re
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer

from imgctl.core import current_record
from imgctl.core.renditions import RenditionSet
from imgctl.worker.handler import handle
from infra import monthly_cost as cost
from infra.monthly_cost import assumed_workload, monthly_cost, scaled_workload
from infra.prices import PRICE_PAGES
from infra.settings import StackSettings
from tests.pictures import encoded, photo
from tests.worker.cloud import DEFAULT, THREE, Cloud, s3_event_for
from tests.worker.conftest import cloud, moto_account

__all__ = ["cloud", "moto_account"]

README = Path(__file__).parents[2] / "README.md"
MILLION = 1_000_000
SETTINGS = StackSettings()


def amounts(work: cost.Workload, settings: StackSettings = SETTINGS) -> dict[str, Decimal]:
    items = monthly_cost(work, settings).items
    return {f"{item.service} {item.name}": item.usd for item in items}


def test_a_million_images_cost_what_the_prices_say() -> None:
    found = amounts(assumed_workload(MILLION, 1))
    assert found["Lambda requests"] == Decimal("0.20")
    gb_seconds = MILLION * Decimal("0.390") * SETTINGS.memory_mb / 1024
    assert found["Lambda duration"] == gb_seconds * Decimal("0.0000133334")
    assert found["S3 PUT requests"] == 10  # the original and the result
    assert found["S3 storage of originals, for a month"] == 92  # 4,000 GB
    assert found["DynamoDB write units"] == 5  # 8 units each
    assert found["X-Ray traces"] == 5
    assert sum(found.values()) == monthly_cost(assumed_workload(MILLION, 1), SETTINGS).usd


def test_the_readme_has_the_sum_for_a_million_images() -> None:
    usd = monthly_cost(assumed_workload(MILLION, 1), SETTINGS).usd
    kept = sum(v for k, v in amounts(assumed_workload(MILLION, 1)).items() if k.startswith("S3 st"))
    text = " ".join(README.read_text(encoding="utf-8").split())
    match = re.search(r"A million photographs of 4 MB cost about \$(\d+), of which \$(\d+)", text)
    assert match is not None
    assert (int(match[1]), int(match[2])) == (round(usd), round(kept))


def test_nothing_that_is_used_costs_no_more_than_what_is_paid_by_the_month() -> None:
    found = amounts(assumed_workload(0, 1))
    assert {name for name, usd in found.items() if usd} == {
        "CloudWatch alarms",
        "CloudWatch dashboard",
    }


def test_settings_change_what_they_are_about() -> None:
    work = assumed_workload(MILLION, 1)
    key = "arn:aws:kms:eu-west-2:123456789012:key/1"
    assert amounts(work, replace(SETTINGS, kms_key=key))["KMS customer managed key"] == 1
    x86 = amounts(work, replace(SETTINGS, architecture="x86_64"))
    assert x86["Lambda duration"] > amounts(work)["Lambda duration"]
    assert amounts(replace(work, by_api=True))["API Gateway requests"] == Decimal("3.5")
    snapshots = amounts(work, replace(SETTINGS, snap_start=True, memory_mb=1024))
    assert snapshots["Lambda snapshot of one version"] == cost.MONTH_S * Decimal("0.0000015046")
    restored = MILLION // 100 * Decimal("0.0001397998")
    assert snapshots["Lambda restores, of 1 in 100 invocations"] == restored
    assert not any("snapshot" in name for name in amounts(work))


def test_alarms_are_counted_that_the_settings_ask_for() -> None:
    work = assumed_workload(0, 1)
    assert amounts(work)["CloudWatch alarms"] == Decimal("0.90")
    gradual = amounts(work, replace(SETTINGS, rollout="canary10-5m"))
    assert gradual["CloudWatch alarms"] == Decimal("1.00")
    watched = amounts(work, replace(SETTINGS, watch_uploads=True))
    assert watched["CloudWatch alarms"] == Decimal("0.90")
    assert watched["CloudWatch alarm on three metrics"] == Decimal("0.30")


def test_traces_are_sampled_beyond_one_a_second() -> None:
    seconds = cost.MONTH_S
    found = amounts(assumed_workload(seconds + 1000, 1))
    assert found["X-Ray traces"] == (seconds + 50) * Decimal("0.000005")


def test_another_size_changes_results_and_durations_in_proportion() -> None:
    work = assumed_workload(10, 1, Decimal(2))
    larger = scaled_workload(work, Decimal(6))
    assert larger.original_bytes == 6_000_000
    assert larger.output_bytes == 3 * work.output_bytes
    assert larger.duration_ms == 3 * work.duration_ms
    assert scaled_workload(work, None) == work


def test_every_item_has_a_source_for_its_price() -> None:
    settings = replace(SETTINGS, kms_key="arn:aws:kms:eu-west-2:123456789012:key/1")
    items = monthly_cost(replace(assumed_workload(1, 1), by_api=True), settings).items
    assert {item.service for item in items} == set(PRICE_PAGES)


@pytest.mark.parametrize("renditions", [DEFAULT, THREE])
def test_an_upload_makes_the_requests_that_are_counted(
    cloud: Cloud,
    renditions: RenditionSet,
) -> None:
    cloud.settings = replace(cloud.settings, renditions=renditions)
    key = "holiday/2026/at the lake/IMG_20261123_152508.jpg"
    created = cloud.put(key, encoded(photo(), "JPEG"), sequencer="0055AED6DCD90281E5")
    calls: Counter[str] = Counter()

    def count(model: Any, **_: object) -> None:
        calls[model.name] += 1

    for client in (cloud.s3, cloud.dynamodb):
        client.meta.events.register("before-call", count)
    handle(s3_event_for(created), cloud.invocation)
    outputs = len(renditions.renditions)
    assert calls == {
        "GetObject": cost.GETS_PER_UPLOAD,
        "PutObject": outputs,
        "GetItem": cost.READ_UNITS_PER_UPLOAD,
        "TransactWriteItems": 1,
    }
    named = 0 if renditions is DEFAULT else outputs
    for item in cloud.items():
        assumed = cost.RECORD_BYTES + cost.RENDITION_BYTES * named
        size = _item_bytes(item)
        assert size <= (cost.CURRENT_BYTES if current_record.MARK in item else assumed)
    own = sum(len(json.dumps(line)) + 26 for line in cloud.lines)
    lambdas = 3 * 26 + 1100  # start, runtimeDone and report, as the Developer Guide shows them
    assert own + lambdas <= cost.LOG_BYTES_PER_UPLOAD + cost.LOG_BYTES_PER_RENDITION * named


def _item_bytes(item: dict[str, Any]) -> int:
    """Return an item's size: names and values in UTF-8, about as DynamoDB counts it."""
    value = {name: TypeDeserializer().deserialize(one) for name, one in item.items()}
    return len(json.dumps(value, ensure_ascii=False, default=str).encode())
