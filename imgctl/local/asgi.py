"""The parts of ASGI 3.0 that the server uses: its types, and whole requests and responses."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from imgctl.local import gateway
from imgctl.local.gateway import Response

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


async def respond(send: Send, response: Response) -> None:
    """Send a whole response."""
    headers = [(k.encode(), v.encode("latin-1")) for k, v in response.headers.items()]
    headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


async def read_body(receive: Receive) -> bytes:
    """Read a whole body, but of one that is too large only as much as shows that it is."""
    parts = []
    size = 0
    while True:
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        # Read everything, but keep only one byte beyond the limit, to detect that it is exceeded.
        if size <= gateway.MAX_PAYLOAD_BYTES + 1:
            parts.append(part)
        elif sum(map(len, parts)) <= gateway.MAX_PAYLOAD_BYTES:
            parts.append(part[: gateway.MAX_PAYLOAD_BYTES + 1])
        if not message.get("more_body"):
            return b"".join(parts)


async def call(application: Application, scope: Scope, body: bytes) -> Response:
    """Pass a request to an application in this process and return its response."""
    sent = False
    messages: list[Message] = []

    async def receive() -> Message:
        nonlocal sent
        if sent:
            await asyncio.Event().wait()  # the client does not disconnect
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        messages.append(message)

    await application(scope, receive, send)
    start = next(m for m in messages if m["type"] == "http.response.start")
    return Response(
        start["status"],
        {
            k.decode().lower(): v.decode("latin-1")
            for k, v in start["headers"]
            if k.decode().lower() not in ("content-length", "transfer-encoding")
        },
        b"".join(m.get("body", b"") for m in messages if m["type"] == "http.response.body"),
    )
