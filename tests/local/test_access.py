"""No web page reaches the embedded AWS, and nobody without its root user's own credentials."""

import base64
import io
import json
import stat
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from imgctl.local import daemon
from imgctl.local.access import HEALTH_PATH, rejection

HOST = (b"host", b"127.0.0.1:4566")


@pytest.mark.parametrize(
    "headers",
    [
        [HOST],
        [(b"host", b"localhost:4566")],
        [HOST, (b"origin", b"http://127.0.0.1:4566"), (b"sec-fetch-site", b"same-origin")],
        [HOST, (b"sec-fetch-site", b"none")],
    ],
)
def test_programs_and_the_users_own_navigation_are_accepted(
    headers: list[tuple[bytes, bytes]],
) -> None:
    assert rejection(4566, "/", headers) is None


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [HOST, HOST],
        [(b"host", b"127.0.0.1")],
        [(b"host", b"127.0.0.1:80")],
        [(b"host", b"evil.example:4566")],
        [(b"host", b"127.0.0.1:4566.evil.example")],
        [(b"host", b"bucket.localhost:4566")],
        [HOST, (b"origin", b"https://evil.example")],
        [HOST, (b"origin", b"null")],
        [HOST, (b"origin", b"http://127.0.0.1:3000")],
        [HOST, (b"sec-fetch-site", b"cross-site")],
        [HOST, (b"sec-fetch-site", b"same-site")],
    ],
)
def test_requests_of_web_pages_and_foreign_hosts_are_rejected(
    headers: list[tuple[bytes, bytes]],
) -> None:
    assert rejection(4566, "/", headers) is not None


def test_only_the_health_check_of_the_emulators_administration_is_available() -> None:
    assert rejection(4566, HEALTH_PATH, [HOST]) is None
    for path in ("/_ministack/reset", "/_ministack/config", "/_ministack/"):
        assert rejection(4566, path, [HOST]) is not None


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[daemon.Endpoint]:
    folder = tmp_path_factory.mktemp("access") / "local"
    yield daemon.start(folder)
    daemon.stop(folder)


def send(endpoint: daemon.Endpoint, path: str, body: bytes, **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(endpoint.url + path, body, named, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def attack(endpoint: daemon.Endpoint, marker: Path, **headers: str) -> list[int]:
    """Send what a page can send without a preflight: create a function, invoke it, wipe all."""
    code = f"import pathlib\ndef h(e, c):\n    pathlib.Path({str(marker)!r}).touch()\n"
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("m.py", code)
    function = {
        "FunctionName": "evil",
        "Runtime": "python3.12",
        "Handler": "m.h",
        "Role": "arn:aws:iam::000000000000:role/lambda-image-role",
        "Code": {"ZipFile": base64.b64encode(zipped.getvalue()).decode()},
    }
    functions = "/2015-03-31/functions"
    simple = {"Content_Type": "text/plain;charset=UTF-8", **headers}
    return [
        send(endpoint, functions, json.dumps(function).encode(), **simple),
        send(endpoint, f"{functions}/evil/invocations", b"{}", **simple),
        send(endpoint, "/_ministack/reset", b"", **simple),
    ]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example", "Sec_Fetch_Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {"Host": "evil.example"},
        {},  # not even a program of this machine is the root user without its credentials
    ],
)
def test_a_web_page_runs_no_code_and_wipes_nothing(
    endpoint: daemon.Endpoint, tmp_path: Path, headers: dict[str, str]
) -> None:
    marker = tmp_path / "ran"
    assert set(attack(endpoint, marker, **headers)) <= {400, 401, 403}
    assert not marker.exists()


@pytest.mark.parametrize(
    ("access_key", "secret_key"),
    [("test", "test"), ("000000000000", "test"), ("", ""), ("own", "wrong"), ("AKIA" * 5, "x")],
)
def test_only_the_root_users_own_key_and_secret_are_accepted(
    endpoint: daemon.Endpoint, access_key: str, secret_key: str
) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=endpoint.url,
        region_name=endpoint.region,
        aws_access_key_id=endpoint.access_key if access_key == "own" else access_key or "-",
        aws_secret_access_key=secret_key or "-",
        config=Config(retries={"total_max_attempts": 1}),
    )
    with pytest.raises(ClientError) as refused:
        client.create_bucket(Bucket="taken-over")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_the_credentials_are_random_private_and_kept(tmp_path: Path) -> None:
    first, second = (tmp_path / name for name in ("one", "two"))
    endpoints = [daemon.start(folder) for folder in (first, second)]
    try:
        keys = {(endpoint.access_key, endpoint.secret_key) for endpoint in endpoints}
        assert len(keys) == 2
        for name in ("root.json", "server.json"):
            assert stat.S_IMODE((first / name).stat().st_mode) == 0o600
        daemon.stop(first)
        again = daemon.start(first)
        assert again.secret_key == endpoints[0].secret_key
    finally:
        for folder in (first, second):
            daemon.stop(folder)
