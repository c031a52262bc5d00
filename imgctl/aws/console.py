"""Addresses of the AWS Management Console."""

from urllib.parse import quote

from imgctl.aws.errors import AwsError
from imgctl.aws.session import Aws
from imgctl.core.errors import Hint

# AWS Management Console documentation of each partition.
_HOSTS = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}


class NoConsole(AwsError):
    """There is no console to look at."""

    code = "no_console"


def dashboard_url(aws: Aws, name: str) -> str:
    """Return the address of a CloudWatch dashboard. Raises NoConsole where there is none."""
    if aws.is_local:
        raise NoConsole(
            "The embedded AWS has no console to show a dashboard.",
            hint=Hint("{} and {} show what it knows.", "status", "logs"),
        )
    partition = aws.session.get_partition_for_region(aws.region)
    if partition not in _HOSTS:
        raise NoConsole(
            f"The address of the console in the partition {partition} is not known.",
            hint=f"Open CloudWatch there, and in it the dashboard {name}.",
        )
    region = quote(aws.region, safe="")
    return (
        f"https://{_HOSTS[partition]}/cloudwatch/home?region={region}"
        f"#dashboards/dashboard/{quote(name, safe='')}"
    )
