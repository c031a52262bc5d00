"""The embedded AWS's process: the emulator, with its gaps closed, and closed to web pages.

- It does not execute integrations of API Gateway with S3.
- It ignores an alias's own settings of asynchronous invocation, such as the on-failure destination.
- It keeps its state and its events in memory, and acknowledges what it could not write to disk.
- It starts all invocations at once, each as a process, where Lambda queues them.
- Some of its lists break on control characters in keys, and its change sets list too much.
- It accepts well-known keys, and none at all, as those of the root user.
- It removes Docker containers that are not this one's.

Run as `python -m imgctl.local.server PORT LOCK` by imgctl.local.daemon, in a clean environment and
in the folder of the embedded AWS; LOCK is the descriptor of the locked file that shows that the
server is running.
"""

import asyncio
import json
import logging
import os
import re
import shutil
import signal
import sys
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from imgctl.local import without_docker  # noqa: F401 (before the emulator)

# isort: split
import ministack.app
from hypercorn.asyncio import serve
from hypercorn.config import Config as ServerConfig
from ministack.core import lambda_runtime

from imgctl.local import (
    access,
    asgi,
    durable_services,
    emulator_patches,
    gateway,
    object_files,
    pending_events,
)
from imgctl.local.asgi import Message, Receive, Scope, Send
from imgctl.local.gateway import Response
from imgctl.local.invocations import Invocations
from imgctl.local.snapshots import Snapshots
from imgctl.local.table_log import ITEM_ACTIONS

if TYPE_CHECKING:
    from imgctl.local.s3_integrations import S3Integrations

HOST = "127.0.0.1"
SAVE_EVERY_S = 1
DRAIN_S = 10
"""How long a stop waits for pending events."""

_CREDENTIAL_SCOPE = re.compile(rb"Credential=[^/]+/\d+/[^/]+/([a-z0-9-]+)/aws4_request")
_READING = ("GET", "HEAD", "OPTIONS")
_READING_ITEMS = frozenset({"GetItem", "BatchGetItem", "TransactGetItems", "Query", "Scan"})
_FAILURE = "We encountered an internal error. Please try again."

_log = logging.getLogger("imgctl.server")


class Server:
    """An ASGI application: the emulator's, extended by integrations with S3 and by durability."""

    def __init__(self, port: int, folder: Path) -> None:
        self._port = port
        self._loop: asyncio.AbstractEventLoop
        self._changed = False
        self._unsaved = False
        self._resumed = False
        self.stopping = asyncio.Event()
        self._emulator = ministack.app.app
        self.snapshots = Snapshots(folder / "state")
        self.invocations = Invocations(folder / pending_events.FOLDER, self._save_queues)
        durable_services.patch(folder / object_files.STAGED, self.snapshots, self.invocations)
        ministack.app._load_persisted_state = self.snapshots.restore
        ministack.app.save_all = self._save_at_stop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection (ASGI 3.0)."""
        if scope["type"] == "lifespan":
            await self._emulator(scope, receive, send)
            return
        reason = access.rejection(self._port, scope["path"], scope["headers"])
        if reason is not None:
            _log.warning("rejected %s: %s", scope.get("method", scope["type"]), reason)
            await _reject(scope, send, reason)
            return
        if scope["path"] == access.HEALTH_PATH and self.stopping.is_set():
            await asgi.respond(send, gateway.error_response(503, "The server is stopping."))
            return
        if scope["path"] == access.HEALTH_PATH and not self._resumed:
            self._resumed = True  # functions can reach the server from now on
            self.invocations.pending.resume()
        self._changed |= scope.get("method") not in (None, *_READING)
        if scope["type"] == "http" and scope["path"].startswith(gateway.API_PREFIX):
            body = await asgi.read_body(receive)
            await asgi.respond(send, await self._integrations.call(scope, body))
        else:
            await self._emulator(scope, receive, self._after_saving(scope, send))

    @cached_property
    def _integrations(self) -> "S3Integrations":
        # Imported when an API is first called: boto3 takes a quarter of the time of the start.
        from imgctl.local.s3_integrations import S3Integrations  # noqa: PLC0415

        return S3Integrations(f"http://{HOST}:{self._port}", self._emulator)

    def _after_saving(self, scope: Scope, send: Send) -> Send:
        """Return a `send` that first saves what the response could tell, or sends a failure."""
        if scope["type"] != "http" or not _saved_before_response(scope, unsaved=self._unsaved):
            return send
        failed = False

        async def save_and_send(message: Message) -> None:
            nonlocal failed
            if message["type"] == "http.response.start":
                try:
                    self.snapshots.save_acknowledged()
                    self._unsaved = False
                except OSError as error:
                    _log.error("cannot save the state: %s", error)
                    self._unsaved = failed = True
                    await asgi.respond(send, _failure(message))
            if not failed:
                await send(message)

        return save_and_send

    def _save_queues(self) -> None:
        """Save the queues from another thread than the server's."""

        async def save() -> None:
            self.snapshots.save_acknowledged()

        asyncio.run_coroutine_threadsafe(save(), self._loop).result()

    def _save_at_stop(self, _services: object) -> None:
        try:
            self.snapshots.save()
            self.snapshots.save_tables()
        except OSError as error:
            _log.error("cannot save the state: %s", error)

    async def save_periodically(self) -> None:
        """Save what changes without a request: log entries, metrics, stacks being deployed.

        Runs on the event loop, so that the state does not change while it is saved.
        """
        self._loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SAVE_EVERY_S)
            if self._changed:
                self._changed = False
                try:
                    self.snapshots.save()
                except OSError as error:
                    self._changed = True
                    _log.error("cannot save the state: %s", error)


def _saved_before_response(scope: Scope, *, unsaved: bool) -> bool:
    """Return whether a response could tell of a change that is not on disk yet.

    Objects and items are written by the requests that change them. `unsaved` says that an earlier
    request's change could not be saved.
    """
    headers = dict(scope["headers"])
    match = _CREDENTIAL_SCOPE.search(headers.get(b"authorization", b""))
    service = match[1].decode() if match else ""
    if service == "s3":
        of_object = "/" in scope["path"].strip("/")
        return not of_object and (unsaved or scope["method"] not in _READING)
    if service == "dynamodb":
        action = headers.get(b"x-amz-target", b"").decode().rpartition(".")[2]
        return action not in ITEM_ACTIONS and action not in _READING_ITEMS
    return service not in ("", "sts") and not scope["path"].endswith("/invocations")


def _failure(start: Message) -> Response:
    """Return a failure in the form of the response that it replaces: XML or JSON."""
    headers = dict(start["headers"])
    content_type = next((v for k, v in headers.items() if k.lower() == b"content-type"), b"")
    if b"xml" in content_type:
        body = (
            "<ErrorResponse><Error><Type>Receiver</Type><Code>InternalFailure</Code>"
            f"<Message>{_FAILURE}</Message></Error></ErrorResponse>"
        )
        return Response(500, {"content-type": "text/xml"}, body.encode())
    document = {"__type": "InternalServerError", "message": _FAILURE}
    named = {"content-type": "application/json", "x-amzn-errortype": "InternalServerError"}
    return Response(500, named, json.dumps(document).encode())


async def _reject(scope: Scope, send: Send, reason: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
    else:
        await asgi.respond(send, gateway.error_response(403, f"Forbidden: {reason}."))


def main() -> None:
    """Serve until SIGTERM, upon which the emulator saves its state."""
    port, lock = int(sys.argv[1]), int(sys.argv[2])
    # A function's process that outlives the server must not hold its lock.
    os.set_inheritable(lock, False)  # noqa: FBT003
    emulator_patches.apply_patches()
    config = ServerConfig()
    config.bind = [f"{HOST}:{port}"]
    config.accesslog = None
    config.errorlog = "-"
    asyncio.run(_serve(Server(port, Path.cwd()), config))


async def _serve(server: Server, config: ServerConfig) -> None:
    saving = asyncio.create_task(server.save_periodically())
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, server.stopping.set)

    async def stopped() -> None:
        await server.stopping.wait()
        # Functions need the server until they have finished.
        await asyncio.to_thread(server.invocations.pending.drain, DRAIN_S)

    try:
        await serve(server, config, shutdown_trigger=stopped)  # type: ignore[arg-type] # hypercorn's own scope types
    finally:
        saving.cancel()
        lambda_runtime.reset()
        shutil.rmtree("tmp", ignore_errors=True)


if __name__ == "__main__":
    main()
