import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import boto3
import pytest

from imgctl.aws.api_errors import (
    ApiAccessDenied,
    ApiError,
    BodyTooLarge,
    KeyNotForApi,
    QuotaExhausted,
    key_problem,
)
from imgctl.aws.content import Content
from imgctl.aws.errors import AwsError
from imgctl.aws.rest_api import MAX_BYTES, Api
from imgctl.aws.session import Aws
from imgctl.aws.storage import StoredObject

THROTTLED = (429, '{"message":"Too Many Requests"}')
BROKEN = (500, '{"message": "Internal server error"}')
STORED = (200, "")


@dataclass
class Gateway:
    """A server that returns the given responses in turn, the last one for ever."""

    responses: list[tuple[int, str]]
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    def next_response(self) -> tuple[int, str]:
        return self.responses.pop(0) if len(self.responses) > 1 else self.responses[0]


Serve = Callable[..., Gateway]


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers = []

    def start(*responses: tuple[int, str]) -> Gateway:
        gateway = Gateway(list(responses))

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                gateway.requests.append((self.path, headers, body))
                status, text = gateway.next_response()
                self.send_response(status)
                self.send_header("ETag", '"etag"')
                self.send_header("x-amz-version-id", "v1")
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        servers.append((server, thread))
        gateway.url = f"http://127.0.0.1:{server.server_port}"
        return gateway

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


class Clock:
    """A clock that only pauses advance."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def time_s(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def api_at(gateway: Gateway, clock: Clock, *, signs: bool = True, key: str = "") -> Api:
    session = boto3.Session("AKID", "SECRET", region_name="eu-west-2")
    aws = Aws(session, endpoint_url=gateway.url)
    return Api(aws, gateway.url, "src", signs, key, clock=clock.time_s, sleep=clock.sleep)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "cake.jpg"
    path.write_bytes(b"\xff\xd8\xff picture")
    return path


def put(api: Api, path: Path, key: str = "trip/cake.jpg") -> StoredObject:
    with path.open("rb") as file:
        return api.put(key, Content(file, path.stat().st_size, "image/jpeg"))


def failure(gateway: Gateway, path: Path, *, signs: bool = True, key: str = "") -> AwsError:
    with pytest.raises(AwsError) as raised:
        put(api_at(gateway, Clock(), signs=signs, key=key), path)
    return raised.value


def test_a_file_is_sent_signed_with_its_type_and_checksum(serve: Serve, picture: Path) -> None:
    gateway = serve(STORED)
    assert put(api_at(gateway, Clock()), picture) == StoredObject(
        "src", "trip/cake.jpg", "v1", '"etag"'
    )
    ((path, headers, body),) = gateway.requests
    assert path == "/src/trip%2Fcake.jpg"
    assert body == picture.read_bytes()
    assert headers["content-type"] == "image/jpeg"
    assert (
        headers["x-amz-checksum-sha256"] == Content.of(picture.read_bytes(), "image/jpeg").checksum
    )
    assert "/eu-west-2/execute-api/aws4_request" in headers["authorization"]


def test_an_api_key_is_sent_unsigned(serve: Serve, picture: Path) -> None:
    gateway = serve(STORED)
    put(api_at(gateway, Clock(), signs=False, key="the-key"), picture)
    ((_, headers, _),) = gateway.requests
    assert headers["x-api-key"] == "the-key"
    assert "authorization" not in headers


@pytest.mark.parametrize("key", ["a+b.jpg", "what?.jpg", "no #1.jpg", "100%.jpg"])
def test_a_key_that_the_api_would_alter_is_refused_before_anything_is_sent(
    serve: Serve, picture: Path, key: str
) -> None:
    gateway = serve(STORED)
    with pytest.raises(KeyNotForApi, match="API Gateway decodes keys") as raised:
        put(api_at(gateway, Clock()), picture, key)
    assert "--via s3" in raised.value.hint
    assert gateway.requests == []


@pytest.mark.parametrize("key", ["a b.jpg", "Käse/日本.jpg", "a&b=c;d@e:f,g!(h)'~*.jpg"])
def test_other_keys_are_accepted(key: str) -> None:
    assert key_problem(key) is None


def test_a_file_over_10_mb_is_refused_before_anything_is_sent(serve: Serve, tmp_path: Path) -> None:
    gateway = serve(STORED)
    path = tmp_path / "large.bmp"
    path.write_bytes(b"x" * (MAX_BYTES + 1))
    error = failure(gateway, path)
    assert isinstance(error, BodyTooLarge)
    assert "10 MB" in error.message
    assert "--via s3" in error.hint
    assert gateway.requests == []


def test_a_throttled_upload_is_repeated_until_it_is_stored(serve: Serve, picture: Path) -> None:
    gateway, clock = serve(*[THROTTLED] * 6, STORED), Clock()
    assert put(api_at(gateway, clock), picture).version_id == "v1"
    assert len(gateway.requests) == 7


def test_a_throttled_upload_fails_within_the_total_time(serve: Serve, picture: Path) -> None:
    gateway, clock = serve(THROTTLED), Clock()
    with pytest.raises(ApiError, match="429: Too Many Requests") as raised:
        put(api_at(gateway, clock), picture)
    assert "--jobs" in raised.value.hint
    assert 40 < clock.now_s <= 60


def test_a_used_up_quota_is_not_waited_for(serve: Serve, picture: Path) -> None:
    gateway = serve((429, '{"message":"Limit Exceeded"}'))
    assert isinstance(failure(gateway, picture), QuotaExhausted)
    assert len(gateway.requests) == 1


def test_a_server_error_is_repeated_a_few_times_and_then_told(serve: Serve, picture: Path) -> None:
    assert put(api_at(serve(BROKEN, BROKEN, STORED), Clock()), picture).version_id == "v1"
    gateway = serve(BROKEN)
    error = failure(gateway, picture)
    assert error.message == "The API returned 500: Internal server error"
    assert "role" in error.hint
    assert len(gateway.requests) == 4


def s3_error(code: str, message: str) -> str:
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"


IAM = json.dumps(
    {"Message": "User: x is not authorized to perform: execute-api:Invoke on resource: y"}
)


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        (IAM, "Request the permission execute-api:Invoke"),
        ('{"message":"Missing Authentication Token"}', "execute-api:Invoke"),
        ('{"message":"The security token included in the request is expired"}', "Sign in again"),
        ('{"message":"Signature expired: 1 is now earlier than 2"}', "clock"),
        ('{"message":"The request signature we calculated does not match"}', "credentials"),
        ("<html>blocked by a firewall</html>", "web ACL"),
    ],
)
def test_a_refused_caller_is_told_what_to_check_at_once(
    serve: Serve, picture: Path, body: str, hint: str
) -> None:
    gateway = serve((403, body))
    error = failure(gateway, picture)
    assert isinstance(error, ApiAccessDenied)  # which stops the other files as well
    assert error.message.startswith("The API returned 403: ")
    assert hint in error.hint
    assert len(gateway.requests) == 1


def test_a_wrong_api_key_is_told_as_that(serve: Serve, picture: Path) -> None:
    error = failure(serve((403, '{"message":"Forbidden"}')), picture, signs=False, key="wrong")
    assert "API key is enabled" in error.hint


@pytest.mark.parametrize(
    ("status", "body", "message", "hint"),
    [
        (
            403,
            s3_error("AccessDenied", "Access Denied"),
            "403: Access Denied (AccessDenied)",
            "role",
        ),
        (404, s3_error("NoSuchBucket", "No bucket"), "404: No bucket (NoSuchBucket)", "Deploy"),
        (400, s3_error("BadDigest", "A &lt;b&gt;."), "400: A <b> (BadDigest)", "changed while"),
        (413, '{"message":"Request Too Long"}', "413: Request Too Long", "--via s3"),
        (500, s3_error("SlowDown", "Reduce your rate"), "500: Reduce your rate", "try again"),
        (400, "", "400: no reason given", "log"),
        (400, "[1]", "400: [1]", "log"),
    ],
)
def test_each_failure_is_one_line_with_the_reason_and_a_next_step(
    serve: Serve, picture: Path, status: int, body: str, message: str, hint: str
) -> None:
    error = failure(serve((status, body)), picture)
    assert not isinstance(error, ApiAccessDenied)
    assert error.message == f"The API returned {message}"
    assert hint in error.hint
