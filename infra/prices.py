"""What AWS charges: for resources by the month, and for what is stored, sent and processed.

Data only. Free tiers and discounts for large quantities are left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

PRICE_REGION = "us-east-1"
PRICES_AS_OF = "2026-03"
"""The month of the prices, for people: `2026-03`."""
PRICE_PAGES: Mapping[str, str] = {
    name: f"https://aws.amazon.com/{page}/pricing/"
    for name, page in (
        ("Lambda", "lambda"),
        ("S3", "s3"),
        ("DynamoDB", "dynamodb"),
        ("CloudWatch", "cloudwatch"),
        ("X-Ray", "xray"),
        ("API Gateway", "api-gateway"),
        ("KMS", "kms"),
    )
}
"""The sources of the prices: AWS's own page for each service."""


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


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """The price in US dollars of `per` units, such as of a million requests."""

    usd: Decimal
    per: int = 1


_MILLION = 1_000_000

LAMBDA_REQUEST = UnitPrice(Decimal("0.20"), _MILLION)
LAMBDA_GB_SECOND: Mapping[str, UnitPrice] = {
    "arm64": UnitPrice(Decimal("0.0000133334")),
    "x86_64": UnitPrice(Decimal("0.0000166667")),
}
"""By the function's architecture. GB are 1,024 MB here, as for Lambda's memory."""
LAMBDA_SNAPSHOT_GB_SECOND = UnitPrice(Decimal("0.0000015046"))
"""Of SnapStart with Python, for each published version, and at least three hours."""
LAMBDA_RESTORED_GB = UnitPrice(Decimal("0.0001397998"))
"""Of the function's memory, each time that an environment is restored from a snapshot."""
S3_PUT = UnitPrice(Decimal("0.005"), 1000)
S3_GET = UnitPrice(Decimal("0.0004"), 1000)
S3_GB_MONTH = UnitPrice(Decimal("0.023"))
DYNAMODB_WRITE_UNIT = UnitPrice(Decimal("0.625"), _MILLION)
DYNAMODB_READ_UNIT = UnitPrice(Decimal("0.125"), _MILLION)
DYNAMODB_GB_MONTH = UnitPrice(Decimal("0.25"))
DYNAMODB_RECOVERY_GB_MONTH = UnitPrice(Decimal("0.20"))
LOG_GB = UnitPrice(Decimal("0.50"))
LOG_GB_MONTH = UnitPrice(Decimal("0.03"))
METRIC_MONTH = UnitPrice(Decimal("0.30"))
TRACE = UnitPrice(Decimal("5.00"), _MILLION)
API_REQUEST = UnitPrice(Decimal("3.50"), _MILLION)
