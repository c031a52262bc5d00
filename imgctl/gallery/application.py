"""The gallery's requests: the page, its entries, what is new, and uploads."""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imgctl.aws.errors import translate
from imgctl.aws.record_index import Position
from imgctl.core.errors import ImgctlError, InvalidInput, PictureError
from imgctl.core.record import Status
from imgctl.gallery import access
from imgctl.gallery.entries import EntryReader
from imgctl.gallery.feed import Feed
from imgctl.gallery.threads import in_thread
from imgctl.gallery.uploads import Upload, UploadError, Uploads
from imgctl.operations.history import RecordQuery
from imgctl.pages.entries import Entry, entry_document
from imgctl.pages.report import LivePage

WAIT_S = 20
"""How long a request for news waits for some."""

_MOST_ENTRIES, _USUAL_ENTRIES = 200, 24
_TIME = re.compile(r"\d{4}-\d{2}[0-9T:.Z+-]{0,24}")


@dataclass(frozen=True, slots=True)
class Services:
    """What the requests work with; `on_error` is told of errors that are imgctl's own."""

    page: LivePage
    reader: EntryReader
    feed: Feed
    uploads: Uploads
    on_error: Callable[[Exception], None]


def application(services: Services, port: int, token: str) -> "Gallery":
    """Return the ASGI application for a server on this port."""
    api = _Api(services)
    starlette = Starlette(
        routes=[
            Route("/", api.page, methods=["GET"]),
            Route("/favicon.ico", api.no_icon, methods=["GET"]),
            Route("/api/entries", api.entries, methods=["GET"]),
            Route("/api/new", api.new, methods=["GET"]),
            Route("/api/uploads", api.upload, methods=["POST"]),
        ],
        exception_handlers={
            HTTPException: _http_error,
            ImgctlError: _known_error,
            ClientError: _aws_error,
            BotoCoreError: _aws_error,
            ClientDisconnect: _nobody,
            Exception: _internal_error,
        },
    )
    starlette.router.redirect_slashes = False
    return Gallery(starlette, port, token, services.on_error)


class _Api:
    def __init__(self, services: Services) -> None:
        self._services = services

    async def page(self, _request: Request) -> Response:
        page = self._services.page
        return HTMLResponse(page.html, headers={"content-security-policy": page.policy})

    async def no_icon(self, _request: Request) -> Response:
        return Response(status_code=204)

    async def entries(self, request: Request) -> Response:
        query, limit = parse_query(request.query_params)
        page = await in_thread(partial(self._services.reader.page, query, limit))
        return JSONResponse({"entries": _documents(page.entries), "next": page.next})

    async def new(self, request: Request) -> Response:
        news = await self._services.feed.since(request.query_params.get("after"), WAIT_S)
        entries = await in_thread(partial(self._services.reader.news, news.records))
        return JSONResponse({"entries": _documents(entries), "place": news.place})

    async def upload(self, request: Request) -> Response:
        names = request.query_params.getlist("name")
        if len(names) != 1:
            raise UploadError(400, "The request names no file.")
        upload = Upload.announced(names[0], request.headers.get("content-length"))
        stored = await self._services.uploads.store(upload, request.stream())
        return JSONResponse(stored, 201)


def parse_query(parameters: Mapping[str, str]) -> tuple[RecordQuery, int]:
    """Return the query and the limit of a request for entries; raises InvalidInput."""
    limit, status = parameters.get("limit", str(_USUAL_ENTRIES)), parameters.get("status")
    times = [parameters.get(name) or None for name in ("since", "until")]
    if not (limit.isascii() and limit.isdecimal() and 1 <= int(limit[:9]) <= _MOST_ENTRIES):
        raise InvalidInput(f"The limit is not a number from 1 to {_MOST_ENTRIES}.")
    if any(time is not None and not _TIME.fullmatch(time) for time in times):
        raise InvalidInput("A time is not in ISO 8601.")
    if status and status.upper() not in Status.__members__:
        raise InvalidInput("There is no such status.")
    after = parameters.get("after")
    query = RecordQuery(
        since=times[0],
        until=times[1],
        key=parameters.get("key") or None,
        status=Status(status.upper()) if status else None,
        after=Position.parse(after) if after else None,
    )
    return query, int(limit)


def _documents(entries: list[Entry]) -> list[dict[str, Any]]:
    return [entry_document(entry) for entry in entries]


class Gallery:
    """An ASGI application that checks each request first, and can end those that run."""

    def __init__(
        self, inner: ASGIApp, port: int, token: str, on_error: Callable[[Exception], None]
    ) -> None:
        self._inner = inner
        self._port = port
        self._token = token
        self._on_error = on_error
        self._running: set[asyncio.Task[Any]] = set()
        self._is_stopping = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection (ASGI 3.0)."""
        if scope["type"] == "lifespan":
            await self._inner(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        send = _with_headers(send)
        refused = access.rejection(self._port, self._token, scope["path"], scope["headers"])
        if scope["http_version"] not in ("1.0", "1.1"):
            refused = access.Rejection(505, "http_version", "Use HTTP/1.1.")
        if self._is_stopping:
            refused = access.Rejection(503, "stopping", "The gallery is being stopped.")
        if refused is not None:
            response = _error_response(refused.status, refused.code, refused.message)
            await response(scope, receive, send)
            return
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            await self._inner(scope, receive, send)
        except Exception as error:  # which starlette has answered
            self._on_error(error)
        finally:
            self._running.discard(task)

    def refuse(self) -> None:
        """Refuse all requests from now on."""
        self._is_stopping = True

    async def end(self, timeout_s: float) -> None:
        """Wait for the requests that run, and cancel those that take longer."""
        if self._running:
            _, pending = await asyncio.wait(self._running, timeout=timeout_s)
            for task in pending:
                task.cancel()


def _with_headers(send: Send) -> Send:
    """Return a `send` that adds the headers of every response."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", []))
            added = {"content-security-policy": access.NO_CONTENT_POLICY, **access.HEADERS}
            present = {name for name, _ in headers}
            new = [(name.encode(), value.encode()) for name, value in added.items()]
            headers += [pair for pair in new if pair[0] not in present]
            message = {**message, "headers": headers}
        await send(message)

    return send_with_headers


def _error_response(status: int, code: str, message: str, hint: str = "") -> JSONResponse:
    document = {"error": {"code": code, "message": message, "hint": hint}}
    return JSONResponse(document, status)


async def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error_response(error.status_code, "request", f"{error.detail}.")


async def _known_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ImgctlError)
    status = 502
    if isinstance(error, UploadError):
        status = error.status
    elif isinstance(error, PictureError):
        status = 415
    elif isinstance(error, InvalidInput):
        status = 400
    return _error_response(status, error.code, error.message, error.hint)


async def _aws_error(request: Request, error: Exception) -> Response:
    known = translate(error)
    return await _known_error(request, known or ImgctlError("AWS failed."))


async def _internal_error(_request: Request, _error: Exception) -> Response:
    return _error_response(500, "internal", "The gallery failed. Its terminal says more.")


async def _nobody(_request: Request, _error: Exception) -> Response:
    return Response(status_code=400)  # the client has gone away
