from collections.abc import Iterator
from typing import Any

import pytest

from imgctl.aws.content import Content
from imgctl.aws.errors import AwsError
from imgctl.aws.rest_api import Api
from imgctl.aws.session import connect_local
from tests.loopback_aws import LoopbackAws

CONTENT = Content.of(b"\xff\xd8\xff picture", "image/jpeg")


@pytest.fixture
def server() -> Iterator[LoopbackAws]:
    with LoopbackAws() as server:
        yield server


def api(server: LoopbackAws, **options: Any) -> Api:
    aws = connect_local(url=server.url, region="eu-west-2", access_key="AKID", secret_key="secret")
    return Api(aws, server.url, "bucket", signs=True, sleep=lambda _: None, **options)


def test_an_object_is_sent_with_its_hash_a_signature_and_the_api_key(server: LoopbackAws) -> None:
    stored = api(server, key="api-key").put("trip/a b.jpg", CONTENT)
    (request,) = server.state.puts()
    assert request.target == "/bucket/trip%2Fa%20b.jpg"
    assert request.headers["x-amz-checksum-sha256"] == CONTENT.checksum
    assert request.headers["x-api-key"] == "api-key"
    assert "/execute-api/aws4_request" in request.headers["authorization"]
    assert (stored.key, stored.version_id) == ("trip/a b.jpg", "v1")


def test_throttling_is_waited_out_with_fewer_requests_at_once(server: LoopbackAws) -> None:
    one = api(server)
    server.state.faults.extend([(429, "Throttled"), (503, "Busy"), (500, "Internal")])
    assert one.put("a.jpg", CONTENT).version_id == "v1"
    assert server.state.counts["PUT"] == 4
    assert one.limit.current < 8


@pytest.mark.parametrize(("status", "requests"), [(403, 1), (413, 1), (500, 4)])
def test_a_refusal_is_reported_with_its_status(
    server: LoopbackAws, status: int, requests: int
) -> None:
    server.state.faults.extend([(status, "Refused")] * 10)
    with pytest.raises(AwsError, match=f"The API returned {status}: Refused was asked for"):
        api(server).put("a.jpg", CONTENT)
    assert server.state.counts["PUT"] == requests
