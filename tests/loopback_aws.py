"""A small AWS on this machine: it counts and delays requests, and fails as it is told.

It stores objects by path (`/bucket/key`), describes one stack, and has a record of every upload.
Faster than the embedded AWS, so that it can be measured against, and checks no signatures.
"""

import argparse
import asyncio
import base64
import hashlib
import json
import ssl
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.stack_outputs import OUTPUTS

_OUTPUT_NAMES = {
    "SourceBucket": OUTPUTS.source_bucket,
    "DestinationBucket": OUTPUTS.destination_bucket,
    "Table": OUTPUTS.table,
    "Function": OUTPUTS.function,
    "FunctionAlias": OUTPUTS.function_alias,
    "BatchRole": OUTPUTS.batch_role,
    "CodeBucket": OUTPUTS.code_bucket,
    "FunctionLogGroup": OUTPUTS.function_log_group,
    "ApiLogGroup": OUTPUTS.api_log_group,
    "Dashboard": OUTPUTS.dashboard,
    "DeadLetterQueue": OUTPUTS.dead_letter_queue,
    "ApiEndpoint": OUTPUTS.api_endpoint,
    "ApiAuthorization": OUTPUTS.api_authorization,
}


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it arrived; header names are lowercase."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def key(self) -> str:
        """The key of an object, after the bucket."""
        return unquote(urlsplit(self.target).path).split("/", 2)[2]


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored object."""

    etag: str
    size: int
    version: str
    sha256: str


@dataclass
class State:
    """What the server was told, and what it has seen.

    `faults` are the status and the error code of the next PUTs, `is_fault` decides for each. Bodies
    are kept and hashed only with `keeps_bodies`.
    """

    delay_s: float = 0
    keeps_bodies: bool = True
    has_records: bool = True
    faults: deque[tuple[int, str]] = field(default_factory=deque)
    is_fault: Callable[[int], bool] = lambda active: False  # noqa: ARG005
    requests: list[Request] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    objects: dict[str, Stored] = field(default_factory=dict)
    active: int = 0
    most_active: int = 0
    connections: set[asyncio.Transport] = field(default_factory=set)
    buffer: memoryview = field(default_factory=lambda: memoryview(bytearray(256 * 1024)))

    def puts(self) -> list[Request]:
        """Return the uploads that arrived, in order."""
        return [request for request in self.requests if request.method == "PUT"]


def respond(state: State, request: Request) -> tuple[int, dict[str, str], bytes]:
    """Return the status, the headers and the body of a response."""
    match request.method:
        case "PUT":
            return _put(state, request)
        case "HEAD":
            stored = state.objects.get(request.key)
            return (200, _head(stored), b"") if stored else (404, {}, b"")
        case "GET":
            state.counts["list"] += 1
            return 200, {}, _versions(state, parse_qs(urlsplit(request.target).query))
        case _ if "x-amz-target" in request.headers:
            state.counts["BatchGetItem"] += 1
            return 200, {}, _records(request, are_there=state.has_records)
        case _:
            return 200, {}, stack_description()


def _put(state: State, request: Request) -> tuple[int, dict[str, str], bytes]:
    if state.faults:
        status, code = state.faults.popleft()
        return status, {}, _error(code)
    if state.is_fault(state.active):
        return 503, {}, _error("SlowDown")
    sha256 = request.headers.get("x-amz-checksum-sha256", "")
    etag = '"d41d8cd98f00b204e9800998ecf8427e"'
    if state.keeps_bodies:
        if sha256 != base64.b64encode(hashlib.sha256(request.body).digest()).decode():
            return 400, {}, _error("BadDigest")
        etag = f'"{hashlib.md5(request.body).hexdigest()}"'  # noqa: S324 (as S3 does)
    state.counts["stored"] += 1
    version = f"v{state.counts['stored']}"
    size = int(request.headers["content-length"])
    state.objects[request.key] = Stored(etag, size, version, sha256)
    return 200, {"ETag": etag, "x-amz-version-id": version}, b""


def _head(stored: Stored) -> dict[str, str]:
    return {
        "ETag": stored.etag,
        "x-amz-version-id": stored.version,
        "x-amz-checksum-sha256": stored.sha256,
        "x-amz-checksum-type": "FULL_OBJECT",
        "Last-Modified": "Fri, 01 May 2026 12:00:00 GMT",
        "Date": "Fri, 01 May 2026 12:00:30 GMT",
        "x-object-length": str(stored.size),
    }


def _error(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>{code} was asked for.</Message></Error>".encode()


def _versions(state: State, query: Mapping[str, list[str]]) -> bytes:
    marker, prefix = (query.get(name, [""])[0] for name in ("key-marker", "prefix"))
    keys = sorted(k for k in state.objects if k > marker and k.startswith(prefix))
    page = keys[:1000]
    items = "".join(
        f"<Version><Key>{escape(key)}</Key><VersionId>{state.objects[key].version}</VersionId>"
        f"<IsLatest>true</IsLatest><LastModified>2026-05-01T12:00:00.000Z</LastModified>"
        f"<ETag>{escape(state.objects[key].etag)}</ETag>"
        f"<Size>{state.objects[key].size}</Size></Version>"
        for key in page
    )
    more = len(keys) > len(page)
    following = f"<NextKeyMarker>{escape(page[-1])}</NextKeyMarker>" if more else ""
    truncated = f"<IsTruncated>{str(more).lower()}</IsTruncated>"
    text = f"<ListVersionsResult>{truncated}{following}{items}</ListVersionsResult>"
    return text.encode()


def _records(request: Request, *, are_there: bool) -> bytes:
    ((table, keys),) = json.loads(request.body)["RequestItems"].items()
    items: list[dict[str, Any]] = [
        {
            **key,
            "Status": {"S": "SUCCEEDED"},
            "DimensionReduction": {"S": "64x48 → 32x24"},
        }
        for key in keys["Keys"]
        if are_there
    ]
    return json.dumps({"Responses": {table: items}, "UnprocessedKeys": {}}).encode()


def stack_description() -> bytes:
    """Return the response to DescribeStacks."""
    outputs = "".join(
        f"<member><OutputKey>{name}</OutputKey><OutputValue>{value}</OutputValue></member>"
        for name, value in _OUTPUT_NAMES.items()
    )
    return (
        '<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">'
        "<DescribeStacksResult><Stacks><member><StackName>imgctl</StackName>"
        "<CreationTime>2026-01-01T00:00:00Z</CreationTime>"
        f"<StackStatus>CREATE_COMPLETE</StackStatus><Outputs>{outputs}</Outputs>"
        "</member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
    ).encode()


class _Connection(asyncio.BufferedProtocol):
    """One connection: a plain HTTP/1.1 server with keep-alive, as cheap as Python allows.

    All connections receive into the same memory, which is taken from there at once.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._head = bytearray()
        self._missing = 0
        self._body: list[bytes] = []
        self._keeps_body = False
        self._request: Request | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._state.connections.add(transport)
        self._state.counts["connections"] += 1

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._state.connections.discard(self._transport)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        return self._state.buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._request is not None and not self._keeps_body:
            self._received(nbytes)
            return
        data = bytes(self._state.buffer[:nbytes])
        if self._request is None:
            self._head += data
            head, end, data = bytes(self._head).partition(b"\r\n\r\n")
            if not end:
                return
            self._head.clear()
            self._request = _parse_head(head.decode())
            self._missing = int(self._request.headers.get("content-length", 0))
            if "expect" in self._request.headers:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._keeps_body = self._state.keeps_bodies or self._request.method == "POST"
        if self._keeps_body:
            self._body.append(data)
        self._received(len(data))

    def _received(self, count: int) -> None:
        self._missing -= count
        if self._missing == 0 and self._request is not None:
            self._complete(self._request)

    def _complete(self, head: Request) -> None:
        request = Request(head.method, head.target, head.headers, b"".join(self._body))
        self._request, self._body = None, []
        state = self._state
        state.counts[request.method] += 1
        if state.keeps_bodies:
            state.requests.append(request)
        state.active += 1
        state.most_active = max(state.most_active, state.active)
        loop = asyncio.get_running_loop()
        if request.target == "/_counts":
            self._send(200, {}, json.dumps(state.counts).encode(), "GET")
        elif state.delay_s:
            loop.call_later(state.delay_s, self._answer, request)
        else:
            self._answer(request)

    def _answer(self, request: Request) -> None:
        status, headers, body = respond(self._state, request)
        self._send(status, headers, body, request.method)

    def _send(self, status: int, headers: dict[str, str], body: bytes, method: str) -> None:
        self._state.active -= 1
        length = headers.pop("x-object-length", str(len(body))) if method == "HEAD" else len(body)
        lines = [f"HTTP/1.1 {status} X", *(f"{name}: {text}" for name, text in headers.items())]
        head = "\r\n".join([*lines, f"Content-Length: {length}", "\r\n"])
        self._transport.write(head.encode() + body)


def _parse_head(text: str) -> Request:
    first, *lines = text.split("\r\n")
    method, target, _ = first.split(" ")
    pairs = (line.split(":", 1) for line in lines)
    return Request(method, target, {name.lower(): value.strip() for name, value in pairs}, b"")


class LoopbackAws:
    """The server in a thread of this process; `url` is its address."""

    def __init__(self, tls: ssl.SSLContext | None = None, **told: Any) -> None:
        self._tls = tls
        self.state = State(**told)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def start(self, port: int = 0) -> None:
        """Listen, on the same port as before if that is given."""
        self._server = self._run(serve(self.state, port, self._tls))
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """Stop listening, and close all connections."""

        async def stop() -> None:
            self._server.close()
            for transport in list(self.state.connections):
                transport.abort()
            await asyncio.sleep(0)

        self._run(stop())

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)


async def serve(state: State, port: int = 0, tls: ssl.SSLContext | None = None) -> asyncio.Server:
    """Listen on a port of the loopback address; 0 is a free one."""
    return await asyncio.get_running_loop().create_server(
        lambda: _Connection(state), "127.0.0.1", port, backlog=512, ssl=tls
    )


async def _main(delay_s: float, *, hashes: bool) -> None:
    server = await serve(State(delay_s=delay_s, keeps_bodies=hashes))
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--delay", type=float, default=0.02)
    parser.add_argument("--hash", action="store_true")
    arguments = parser.parse_args()
    asyncio.run(_main(arguments.delay, hashes=arguments.hash))
