"""Objects are stored as boto3 would store them, whatever it is configured with."""

import base64
import hashlib
import itertools
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from botocore import exceptions as sdk
from botocore.credentials import RefreshableCredentials

from imgctl.aws.content import Content, FileChanged
from imgctl.aws.object_writer import (
    BotoWriter,
    ObjectWriter,
    SignedWriter,
    open_writer,
    pause_before_retry,
)
from imgctl.aws.session import Aws, connect, connect_local
from tests.loopback_aws import LoopbackAws, Request

OPENSSL = shutil.which("openssl") or "openssl"
PICTURE = b"\xff\xd8\xff picture"
CONTENT = Content.of(PICTURE, "image/jpeg")


@pytest.fixture
def server() -> Iterator[LoopbackAws]:
    with LoopbackAws() as server:
        yield server


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


def writer(aws: Aws, *, jobs: int = 4) -> SignedWriter:
    """Open a writer that does not wait between its attempts."""
    notes: list[str] = []
    opened = open_writer(aws, "bucket", jobs=jobs, on_fallback=notes.append)
    assert isinstance(opened, SignedWriter), notes
    opened._sleep = lambda _: None
    return opened


def at(server: LoopbackAws, **options: Any) -> Aws:
    """Connect as to the embedded AWS."""
    return connect_local(
        url=server.url, region="eu-west-2", access_key="AKID", secret_key="secret", **options
    )


def only(server: LoopbackAws) -> Request:
    (request,) = server.state.requests
    return request


def test_an_object_takes_one_request_with_its_hash_and_type(server: LoopbackAws) -> None:
    stored = writer(at(server)).put("trip/cake.jpg", CONTENT)
    request = only(server)
    assert (request.method, request.target, request.body) == (
        "PUT", "/bucket/trip/cake.jpg", PICTURE,
    )  # fmt: skip
    digest = hashlib.sha256(PICTURE)
    assert request.headers["x-amz-checksum-sha256"] == base64.b64encode(digest.digest()).decode()
    assert request.headers["x-amz-content-sha256"] == digest.hexdigest()
    assert request.headers["content-type"] == "image/jpeg"
    assert "imgctl/" in request.headers["user-agent"]
    assert (stored.bucket, stored.key, stored.version_id) == ("bucket", "trip/cake.jpg", "v1")
    assert stored.etag == f'"{hashlib.md5(PICTURE).hexdigest()}"'  # noqa: S324


@pytest.mark.parametrize(
    "key",
    [
        "with space & ü+%.png", "a%2Bb.png", "q?x=1#frag.png", "quote'\".png", "日本 🍰.png",
        "e\u0301.png", "a//b.png", "/a.png", "x" * 1024, "~tilde*(1)!.png", "a:b@c;d=e,f.png",
    ],
)  # fmt: skip
def test_a_key_arrives_unchanged(server: LoopbackAws, key: str) -> None:
    writer(at(server)).put(key, CONTENT)
    assert only(server).key == key


@pytest.mark.parametrize("size", [0, 1, 64 * 1024, 64 * 1024 + 1, 3 * 1024 * 1024 + 17])
def test_content_of_any_size_arrives_whole(server: LoopbackAws, size: int) -> None:
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    writer(at(server)).put("a.png", Content.of(data, "image/png"))
    assert only(server).body == data


def test_content_that_is_not_what_was_hashed_is_refused_by_s3(
    server: LoopbackAws, tmp_path: Path
) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(PICTURE)
    with path.open("rb", buffering=0) as file:
        content = Content(file, len(PICTURE), "image/jpeg")
        assert content.sha256
        path.write_bytes(PICTURE[::-1])  # after it was hashed, and before it is sent
        with pytest.raises(sdk.ClientError, match="BadDigest"):
            writer(at(server)).put("a.jpg", content)
    assert server.state.objects == {}


@pytest.mark.parametrize("length", [5, 50])
def test_a_file_whose_size_changes_before_it_is_sent_is_noticed(
    server: LoopbackAws, tmp_path: Path, length: int
) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(PICTURE)
    with path.open("rb", buffering=0) as file:
        content, one = Content(file, len(PICTURE), "image/jpeg"), writer(at(server))
        assert content.sha256
        os.truncate(path, length)
        with pytest.raises(FileChanged, match="changed while it was uploaded"):
            one.put("a.jpg", content)
        one.put("b.jpg", CONTENT)  # over a new connection
    assert list(server.state.objects) == ["b.jpg"]


def destination_url(aws: Aws, bucket: str = "bucket") -> str:
    opened = open_writer(aws, bucket, jobs=1, on_fallback=print)
    assert isinstance(opened, SignedWriter)
    return opened._destination.url


def test_without_settings_the_region_is_that_of_the_session() -> None:
    assert destination_url(connect(region="eu-west-2")) == (
        "https://bucket.s3.eu-west-2.amazonaws.com/"
    )
    assert destination_url(connect(region="eu-west-2"), "dotted.bucket") == (
        "https://s3.eu-west-2.amazonaws.com/dotted.bucket/"
    )


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1", "http://127.0.0.1:1/bucket/"),
        ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1/x", "http://127.0.0.1:1/x/bucket/"),
        ("AWS_USE_FIPS_ENDPOINT", "true", "https://bucket.s3-fips.us-east-2.amazonaws.com/"),
        (
            "AWS_USE_DUALSTACK_ENDPOINT", "true",
            "https://bucket.s3.dualstack.us-east-2.amazonaws.com/",
        ),
    ],
)  # fmt: skip
def test_a_variable_of_the_aws_sdks_chooses_the_endpoint(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(name, value)
    assert destination_url(connect(region="us-east-2")) == expected


def configure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(path))


def test_the_services_section_of_a_profile_chooses_the_endpoint(
    server: LoopbackAws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    configure(
        monkeypatch, tmp_path,
        "[profile lab]\nservices = lab\nregion = eu-west-2\n"
        "aws_access_key_id = AKID\naws_secret_access_key = secret\n"
        f"[services lab]\ns3 =\n  endpoint_url = {server.url}\n",
    )  # fmt: skip
    writer(connect(profile="lab")).put("a.jpg", CONTENT)
    assert only(server).key == "a.jpg"


def test_addressing_and_acceleration_of_a_profile_are_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    configure(monkeypatch, tmp_path, "[default]\ns3 =\n  use_accelerate_endpoint = true\n")
    assert destination_url(connect(region="eu-west-2")).startswith(
        "https://bucket.s3-accelerate.amazonaws.com"
    )
    configure(monkeypatch, tmp_path, "[default]\ns3 =\n  addressing_style = path\n")
    # imgctl itself asks for automatic addressing, so that this setting makes no difference.
    assert destination_url(connect(region="eu-west-2")) == (
        "https://bucket.s3.eu-west-2.amazonaws.com/"
    )


def test_another_signature_falls_back_to_boto3_and_says_so(server: LoopbackAws) -> None:
    aws, notes = at(server), list[str]()
    choose_sigv2: Any = lambda **_: "s3"  # noqa: E731
    aws.session.events.register("choose-signer.s3.PutObject", choose_sigv2)
    opened = open_writer(aws, "bucket", jobs=1, on_fallback=notes.append)
    assert isinstance(opened, BotoWriter)
    assert notes == ["S3's requests are not signed with SigV4 headers, so boto3 sends the files."]
    assert opened.put("a.jpg", CONTENT).version_id == "v1"


def test_a_redirect_is_followed_by_boto3(server: LoopbackAws) -> None:
    server.state.faults.append((307, "TemporaryRedirect"))
    assert writer(at(server)).put("a.jpg", CONTENT).version_id == "v1"
    assert len(server.state.puts()) == 2


def test_credentials_are_refreshed_between_requests(server: LoopbackAws) -> None:
    aws, keys = at(server), itertools.count()

    def refresh() -> dict[str, str]:
        soon = datetime.now(UTC) + timedelta(seconds=1)  # is refreshed each time
        return {
            "access_key": f"KEY{next(keys)}", "secret_key": "s", "token": "t",
            "expiry_time": soon.isoformat(),
        }  # fmt: skip

    refreshable = RefreshableCredentials.create_from_metadata(refresh(), refresh, "test")
    session: Any = aws.session._session
    session._credentials = refreshable
    one = writer(aws)
    for name in ("a.jpg", "b.jpg"):
        one.put(name, CONTENT)
    used = [r.headers["authorization"].split("/")[0] for r in server.state.puts()]
    assert len(set(used)) == 2
    assert {r.headers["x-amz-security-token"] for r in server.state.puts()} == {"t"}


def test_no_credentials_are_reported_as_boto3_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(sdk.NoCredentialsError):
        open_writer(connect(region="eu-west-2"), "bucket", jobs=1, on_fallback=print)


def test_a_proxy_is_used_unless_the_host_is_excluded(
    server: LoopbackAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://s3.example.test")
    monkeypatch.setenv("HTTP_PROXY", server.url)
    writer(connect(region="eu-west-2")).put("a.jpg", CONTENT)
    assert only(server).target == "http://s3.example.test/bucket/a.jpg"
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    writer(connect(region="eu-west-2")).put("b.jpg", CONTENT)
    assert server.state.puts()[-1].target == "/bucket/b.jpg"


def test_an_https_endpoint_is_reached_through_a_tunnel_with_the_proxys_credentials(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def refuse() -> None:
            connection, _ = listening.accept()
            with connection:
                asked.append(connection.recv(10_000))
                connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")

        proxy = Thread(target=refuse)
        proxy.start()
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:p%40ss@{address}")
        with pytest.raises(sdk.ProxyConnectionError) as refused:
            writer(connect(region="eu-west-2")).put("a.jpg", CONTENT)
        proxy.join()
    assert asked[0].startswith(b"CONNECT bucket.s3.eu-west-2.amazonaws.com:443 HTTP/1.")
    assert b"Proxy-Authorization: Basic " + base64.b64encode(b"me:p@ss") in asked[0]
    assert "p@ss" not in str(refused.value)
    assert "p%40ss" not in str(refused.value)


def test_another_kind_of_proxy_falls_back_to_boto3_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "https://127.0.0.1:9")
    notes: list[str] = []
    opened = open_writer(connect(region="eu-west-2"), "bucket", jobs=1, on_fallback=notes.append)
    assert isinstance(opened, BotoWriter)
    assert notes == ["The proxy is not an HTTP proxy, so boto3 sends the files."]


def test_the_embedded_aws_is_never_reached_by_a_proxy(
    server: LoopbackAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    writer(at(server)).put("a.jpg", CONTENT)
    assert only(server).target == "/bucket/a.jpg"


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """Make a certificate of the loopback address, which no public authority has signed."""
    path, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            OPENSSL, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
            "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(path),
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    return path, key


@pytest.mark.parametrize("how", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "ca_bundle"])
def test_a_ca_bundle_is_what_certificates_are_checked_against(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, how: str
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with LoopbackAws(tls=context) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
        with pytest.raises(sdk.SSLError):
            writer(connect(region="eu-west-2")).put("a.jpg", CONTENT)
        if how == "ca_bundle":
            configure(monkeypatch, tmp_path, f"[default]\nca_bundle = {certificate[0]}\n")
        else:
            monkeypatch.setenv(how, str(certificate[0]))
        writer(connect(region="eu-west-2")).put("a.jpg", CONTENT)
        assert only(server).key == "a.jpg"


def test_a_connection_that_the_server_closed_meanwhile_is_replaced_at_once(
    server: LoopbackAws,
) -> None:
    one, slept = writer(at(server)), list[float]()
    one._sleep = slept.append
    one.put("a.jpg", CONTENT)
    server.stop()
    server.start(server.port)
    one.put("b.jpg", CONTENT)
    assert slept == []


def test_connections_are_kept_open(server: LoopbackAws) -> None:
    one = writer(at(server))
    for number in range(5):
        one.put(f"{number}.jpg", CONTENT)
    assert server.state.counts["connections"] == 1


def test_moments_of_trouble_are_bridged(server: LoopbackAws) -> None:
    for fault in ((503, "SlowDown"), (500, "InternalError"), (400, "RequestTimeout")):
        server.state.faults.append(fault)
    assert writer(at(server)).put("a.jpg", CONTENT).version_id == "v1"
    assert server.state.counts["PUT"] == 4


@pytest.mark.parametrize(
    ("status", "code"), [(403, "AccessDenied"), (400, "BadDigest"), (404, "NoSuchBucket")]
)
def test_a_refusal_is_reported_at_once_as_boto3_does(
    server: LoopbackAws, status: int, code: str
) -> None:
    server.state.faults.append((status, code))
    with pytest.raises(sdk.ClientError) as refused:
        writer(at(server)).put("a.jpg", CONTENT)
    assert refused.value.response["Error"]["Code"] == code
    assert refused.value.operation_name == "PutObject"
    assert server.state.counts["PUT"] == 1


def test_a_service_that_slows_down_gets_fewer_requests_at_once_and_all_arrive() -> None:
    with LoopbackAws(delay_s=0.01, is_fault=lambda active: active > 4) as server:
        one = writer(at(server), jobs=16)
        one._sleep = lambda _: None
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda n: put_until_stored(one, f"{n}.jpg"), range(200)))
        assert len(server.state.objects) == 200
        assert one.limit.current < 16


def put_until_stored(one: ObjectWriter, key: str) -> None:
    while True:
        try:
            one.put(key, Content.of(PICTURE, "image/jpeg"))
        except sdk.ClientError:  # the test does not wait between attempts
            continue
        return


def test_an_endpoint_that_comes_back_is_used_again(server: LoopbackAws) -> None:
    one = writer(at(server))
    one.put("a.jpg", CONTENT)
    server.stop()
    one._sleep = lambda _: server.start(server.port)
    assert one.put("b.jpg", CONTENT).version_id == "v2"


def test_an_endpoint_that_is_down_is_reported_after_seconds(server: LoopbackAws) -> None:
    one, slept = writer(at(server)), list[float]()
    server.stop()
    one._sleep = slept.append
    with pytest.raises(sdk.EndpointConnectionError):
        one.put("a.jpg", CONTENT)
    server.start()
    assert sum(slept) < 20


def test_what_takes_long_to_fail_is_tried_three_times() -> None:
    timeout = sdk.ReadTimeoutError(endpoint_url="http://x")
    refused = sdk.EndpointConnectionError(endpoint_url="http://x", error="refused")
    for error, attempts in ((timeout, 3), (refused, 6)):
        pauses = [pause_before_retry(error, attempt) for attempt in range(1, attempts + 1)]
        assert pauses.index(None) == attempts - 1


def test_each_call_is_reported_and_the_probe_is_not(server: LoopbackAws) -> None:
    calls: list[tuple[str, str]] = []
    aws = at(server, on_call=lambda service, name, _: calls.append((service, name)))
    writer(aws).put("a.jpg", CONTENT)
    assert calls == [("s3", "PutObject")]
    assert server.state.counts["PUT"] == 1
