import pytest

from imgctl.aws.console import NoConsole, dashboard_url
from imgctl.aws.session import Aws, connect, connect_local

NAME = "imgctl-imgctl-eu-west-2"


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-west-2", "console.aws.amazon.com"),
        ("cn-north-1", "console.amazonaws.cn"),
        ("us-gov-west-1", "console.amazonaws-us-gov.com"),
    ],
)
def test_each_partition_has_its_console(region: str, host: str) -> None:
    url = dashboard_url(connect(region=region), NAME)
    assert url == f"https://{host}/cloudwatch/home?region={region}#dashboards/dashboard/{NAME}"


def test_a_name_cannot_lead_elsewhere() -> None:
    url = dashboard_url(connect(region="eu-west-2"), "a/../?x#y z")
    assert url.endswith("#dashboards/dashboard/a%2F..%2F%3Fx%23y%20z")


def embedded() -> Aws:
    return connect_local(
        url="http://127.0.0.1:1", region="us-east-1", access_key="x", secret_key="x"
    )


@pytest.mark.parametrize("aws", [embedded(), connect(region="us-iso-east-1")])
def test_where_there_is_no_known_console_the_error_says_what_to_do(aws: Aws) -> None:
    with pytest.raises(NoConsole) as raised:
        dashboard_url(aws, NAME)
    assert raised.value.hint_for("imgctl")
