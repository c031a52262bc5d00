"""CloudWatch: the stack's alarms, and the sums of its metrics."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from imgctl.core.record import timestamp

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

_PERIOD_S = 900  # days begin at a multiple of it in every time zone


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm of the stack; `state` is OK, ALARM or INSUFFICIENT_DATA, `since` ISO 8601."""

    name: str
    description: str
    state: str
    reason: str
    since: str


def list_alarms(cloudwatch: "CloudWatchClient", stack: str) -> list[Alarm]:
    """List the alarms that CloudFormation named for this stack."""
    # STACK-LOGICALID-SUFFIX; a logical ID has no hyphen, but the name of another stack may.
    named = re.compile(rf"{re.escape(stack)}-[A-Za-z0-9]+-[A-Za-z0-9]+")
    pages = cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{stack}-")
    return [
        Alarm(
            name=item["AlarmName"],
            description=item.get("AlarmDescription", ""),
            state=item["StateValue"],
            reason=item.get("StateReason", ""),
            since=timestamp(item["StateUpdatedTimestamp"]),
        )
        for page in pages
        for item in page["MetricAlarms"]
        if named.fullmatch(item["AlarmName"])
    ]


def sums(
    cloudwatch: "CloudWatchClient",
    namespace: str,
    names: Sequence[str],
    *,
    since: datetime,
    until: datetime,
) -> Mapping[str, float]:
    """Return the sum of each metric in a time span; 0 for one without data.

    The span is extended to quarters of an hour. It costs one request and, by AWS's prices, three
    hundredths of a cent for three metrics.
    """
    queries: Any = [
        {
            "Id": f"m{number}",
            "MetricStat": {
                "Metric": {"Namespace": namespace, "MetricName": name},
                "Period": _PERIOD_S,
                "Stat": "Sum",
            },
        }
        for number, name in enumerate(names)
    ]
    totals = dict.fromkeys(names, 0.0)
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=queries, StartTime=since, EndTime=until
    )
    for page in pages:
        for result in page["MetricDataResults"]:
            totals[names[int(result["Id"][1:])]] += sum(result["Values"])
    return totals
