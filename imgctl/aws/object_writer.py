"""Storing many objects fast: one signed PUT each, over a pool of connections.

boto3 spends several times the processor time on a request. What it knows is asked of it once: where
a request for the bucket goes and how it is signed, whatever endpoint, addressing style, FIPS or
dual-stack setting is configured. docs/decisions/upload-transport.md has the measurements.
"""

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from threading import Semaphore
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlsplit

from botocore import exceptions as sdk
from botocore.awsrequest import AWSPreparedRequest
from botocore.parsers import create_parser

from imgctl.aws.adaptive_limit import BUSY_STATUSES, MAX_ATTEMPTS, AdaptiveLimit, backoff_s
from imgctl.aws.content import Content
from imgctl.aws.http_connections import HttpConnections, HttpResponse
from imgctl.aws.sigv4 import ALGORITHM, Scope, signed_headers
from imgctl.aws.storage import StoredObject, put_object

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from imgctl.aws.session import Aws

_SOCKET_TIMEOUT_S = 15
_MAX_TIMEOUTS = 3
_BUSY_CODES = {"RequestTimeout", "SlowDown"}
_CREDENTIAL = re.compile(rf"{ALGORITHM} Credential=[^/]+/\d{{8}}/([^/]+)/([^/]+)/aws4_request,")


class ObjectWriter(Protocol):
    """Stores objects of one bucket; may be called by several threads."""

    def put(self, key: str, content: Content) -> StoredObject:
        """Store an object whole, or raise an error of botocore or an ImgctlError."""


@dataclass(frozen=True, slots=True)
class BotoWriter:
    """Stores objects with boto3's client, whatever its configuration."""

    s3: "S3Client"
    bucket: str

    def put(self, key: str, content: Content) -> StoredObject:
        """Store an object under a key; S3 verifies the hash."""
        return put_object(self.s3, self.bucket, key, content)


@dataclass(frozen=True, slots=True)
class Destination:
    """How boto3 sends an object: `url` is that of the bucket and ends in a slash."""

    url: str
    scope: Scope
    user_agent: str


def open_writer(
    aws: "Aws", bucket: str, *, jobs: int, on_fallback: Callable[[str], None]
) -> ObjectWriter:
    """Return what stores objects in a bucket, at most `jobs` at once.

    That is boto3 if its configuration asks for more than we can do; `on_fallback` is then called
    with the reason. Raises NoCredentialsError.
    """
    destination = read_destination(_prepared_request(aws.s3, bucket))
    if destination is None:
        on_fallback("S3's requests are not signed with SigV4 headers, so boto3 sends the files.")
        return BotoWriter(aws.s3, bucket)
    proxy = aws.proxy_for(destination.url)
    if proxy is not None and not proxy.startswith("http://"):
        on_fallback("The proxy is not an HTTP proxy, so boto3 sends the files.")
        return BotoWriter(aws.s3, bucket)
    return SignedWriter(aws, bucket, destination, jobs=jobs)


class _NotSentError(Exception):
    """Ends a request of boto3 before it is sent."""


def _prepared_request(s3: "S3Client", bucket: str) -> AWSPreparedRequest:
    """Return the request that boto3 would send to store the object `k`."""
    prepared: list[AWSPreparedRequest] = []

    def keep(request: AWSPreparedRequest, **_: object) -> None:
        prepared.append(request)
        raise _NotSentError

    s3.meta.events.register_first("before-send.s3.PutObject", keep)
    try:
        s3.put_object(Bucket=bucket, Key="k")
    except _NotSentError:
        return prepared[0]
    finally:
        s3.meta.events.unregister("before-send.s3.PutObject", keep)
    raise AssertionError("boto3 sent a request unasked")


def read_destination(request: AWSPreparedRequest) -> Destination | None:
    """Return where a request for the object `k` goes; None if it is not signed as ours are."""
    pairs: Any = request.headers.items()
    headers = {
        name.lower(): value.decode() if isinstance(value, bytes) else value for name, value in pairs
    }
    signed = _CREDENTIAL.match(headers.get("authorization", ""))
    if signed is None or not request.url.endswith("/k"):
        return None
    return Destination(
        request.url.removesuffix("k"), Scope(signed[1], signed[2]), headers["user-agent"]
    )


class SignedWriter:
    """Stores objects with requests of its own.

    They use the session's credentials, which are refreshed as boto3 refreshes them, its CA bundle
    and its proxies. A request that fails for a moment is sent again, and while S3 asks to slow
    down, fewer are sent at once.
    """

    def __init__(
        self,
        aws: "Aws",
        bucket: str,
        destination: Destination,
        *,
        jobs: int,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.limit = AdaptiveLimit(jobs)
        self._aws = aws
        self._bucket = bucket
        self._destination = destination
        self._host, self._path = urlsplit(destination.url)[1:3]
        self._http = HttpConnections(
            destination.url,
            verify=aws.verify,
            proxy=aws.proxy_for(destination.url),
            timeout_s=_SOCKET_TIMEOUT_S,
        )
        # More threads than cores would only wait for Python's interpreter lock.
        self._computing = Semaphore(os.cpu_count() or 1)
        self._output: Any = aws.s3.meta.service_model.operation_model("PutObject").output_shape
        self._sleep = sleep

    def put(self, key: str, content: Content) -> StoredObject:
        """Store an object under a key; S3 verifies the hash."""
        for attempt in count(1):
            try:
                response = self._try(key, content)
            except (sdk.ClientError, sdk.HTTPClientError, sdk.ConnectionError) as error:
                pause_s = pause_before_retry(error, attempt)
                if pause_s is None:
                    raise
                self._sleep(pause_s)
                continue
            if response.status != 200:  # a redirect, which boto3 follows
                return put_object(self._aws.s3, self._bucket, key, content)
            version_id = response.headers.get("x-amz-version-id", "")
            return StoredObject(self._bucket, key, version_id, response.headers.get("etag", ""))
        raise AssertionError  # count() does not end

    def _try(self, key: str, content: Content) -> HttpResponse:
        """Send a request once; return its response if that is a success or a redirect."""
        started_s = time.monotonic()
        path = self._path + quote(key, safe="/~")
        with self.limit.slot() as slot:
            with self._computing:
                headers = self._headers(path, content)
            try:
                response = self._http.put(path, headers, content.blocks)
            except _TIMEOUTS:
                self.limit.throttled(slot)  # on a slow line, fewer at once have more of it
                raise
            if response.status >= 400:
                error = self._error(response)
                if is_busy(error):
                    self.limit.throttled(slot)
                raise error
            self.limit.succeeded()
        if self._aws.on_call is not None:
            self._aws.on_call("s3", "PutObject", time.monotonic() - started_s)
        return response

    def _headers(self, path: str, content: Content) -> dict[str, str]:
        signed = signed_headers(
            "PUT",
            path,
            {
                "content-type": content.content_type,
                "host": self._host,
                "x-amz-checksum-sha256": content.checksum,
            },
            content.sha256.hex(),
            credentials=self._aws.credentials,
            scope=self._destination.scope,
            now=datetime.now(UTC),
        )
        signed["content-length"] = str(content.size)
        signed["user-agent"] = self._destination.user_agent
        return signed

    def _error(self, response: HttpResponse) -> sdk.ClientError:
        """Return an error of S3 as boto3 raises it."""
        received = {
            "body": response.body,
            "headers": response.headers,
            "status_code": response.status,
        }
        parsed: Any = create_parser("rest-xml").parse(received, self._output)
        return sdk.ClientError(parsed, "PutObject")


_TIMEOUTS = (sdk.ReadTimeoutError, sdk.ConnectTimeoutError)


def is_busy(error: sdk.ClientError) -> bool:
    """Return whether S3 may accept the same request later."""
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    return status in BUSY_STATUSES or error.response["Error"]["Code"] in _BUSY_CODES


def pause_before_retry(error: Exception, attempt: int) -> float | None:
    """Return how many seconds to wait after an attempt (1 is the first); None to give up.

    Outages of seconds are bridged. Timeouts, which take long, are tried three times only.
    """
    if isinstance(error, sdk.ClientError) and not is_busy(error):
        return None
    if isinstance(error, sdk.SSLError | sdk.ProxyConnectionError):
        return None
    if attempt >= (_MAX_TIMEOUTS if isinstance(error, _TIMEOUTS) else MAX_ATTEMPTS):
        return None
    return backoff_s(attempt)
