"""What AWS charges for resources by the month, whether they are used or not. Data only.

Other resources of the stack cost nothing until something is stored, sent or processed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

PRICE_REGION = "us-east-1"
PRICES_AS_OF = "2026-03"
"""The month of the prices, for people: `2026-03`. The sources are AWS's pages on the prices of
CloudWatch (https://aws.amazon.com/cloudwatch/pricing/) and of KMS
(https://aws.amazon.com/kms/pricing/)."""


@dataclass(frozen=True, slots=True)
class MonthlyPrice:
    """The price of one resource in US dollars per month, and what the resource is called."""

    usd: Decimal
    name: str


# CloudWatch's free tier has 10 alarms with a standard resolution and 3 dashboards per account.
RESOURCE_PRICES: Mapping[str, MonthlyPrice] = {
    "AWS::CloudWatch::Alarm": MonthlyPrice(Decimal("0.10"), "alarm"),
    "AWS::CloudWatch::Dashboard": MonthlyPrice(Decimal("3.00"), "dashboard"),
}
"""By CloudFormation's type."""

UPLOADS_ALARM = "UploadsAlarm"
UPLOADS_ALARM_PRICE = MonthlyPrice(Decimal("0.30"), "alarm on three metrics")
"""An alarm costs as much as one for each metric that it compares."""

KMS_KEY_PRICE = MonthlyPrice(Decimal("1.00"), "KMS key")
