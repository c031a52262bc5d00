"""The embedded AWS's process: the emulator, with five of its gaps closed, and closed to web pages.

- It does not execute integrations of API Gateway with S3.
- It ignores an alias's own settings of asynchronous invocation, such as the on-failure destination.
- It starts all invocations at once, each as a process, where Lambda queues them.
- Its change sets list resources whose condition is false.
- It accepts well-known keys, and none at all, as those of the root user.

Run as `python -m imgctl.local.server PORT LOCK` by imgctl.local.daemon, in a clean environment;
LOCK is the descriptor of the locked file that shows that the server is running.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, unquote

import boto3
import ministack.app
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session
from hypercorn.asyncio import serve
from hypercorn.config import Config as ServerConfig
from ministack.core import persistence

from imgctl.local import access, emulator_patches, gateway
from imgctl.local.gateway import Call, IntegrationError, Response

HOST = "127.0.0.1"
SAVE_EVERY_S = 1

emulator = ministack.app.app

API_PREFIX = "/_aws/execute-api/"


Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _S3Method:
    """A method of an API that is integrated with S3, and the path parameters of a call of it."""

    integration: dict[str, Any]
    binary_media_types: list[str]
    path_parameters: dict[str, str]


class Server:
    """An ASGI application: the emulator's, extended by integrations with S3."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._url = f"http://{HOST}:{port}"
        self._changed = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection (ASGI 3.0)."""
        if scope["type"] != "lifespan":
            reason = access.rejection(self._port, scope["path"], scope["headers"])
            if reason is not None:
                print(f"rejected {scope.get('method', scope['type'])}: {reason}", flush=True)
                await _reject(scope, send, reason)
                return
        self._changed |= scope.get("method") not in (None, "GET", "HEAD")
        if scope["type"] != "http" or not scope["path"].startswith(API_PREFIX):
            await emulator(scope, receive, send)
            return
        body = await _read_body(receive)
        await _respond(send, await self._call_api(scope, body))

    async def save_periodically(self) -> None:
        """Save the emulator's state after changes; by itself it saves only when it is stopped.

        Runs on the event loop, so that the state does not change while it is saved.
        """
        while True:
            await asyncio.sleep(SAVE_EVERY_S)
            if self._changed:
                self._changed = False
                persistence.save_all(ministack.app._build_persistence_save_dict())

    async def _call_api(self, scope: Scope, body: bytes) -> Response:
        if len(body) > gateway.MAX_PAYLOAD_BYTES:
            return gateway.error_response(413, "Request Too Long")
        raw_path = scope["raw_path"].decode("ascii")
        api_id, _, rest = raw_path.removeprefix(API_PREFIX).partition("/")
        _, _, resource_path = rest.partition("/")
        _ = self._clients, self._http  # create them here: threads may share but not create them
        method = await asyncio.to_thread(self._s3_method, api_id, resource_path, scope["method"])
        # An encoded slash is part of its segment, so the emulator receives it encoded.
        segments = map(_decode_segment, raw_path.split("/"))
        response = await _call_emulator(dict(scope, path="/".join(segments)), body)
        if method is None or response.status != 504:
            return response
        # Status 504: the emulator authenticated, authorized and validated the call, but it does
        # not execute the integration.
        call = Call(
            path_parameters=method.path_parameters,
            query=dict(parse_qsl(scope["query_string"].decode())),
            headers={k.decode().lower(): v.decode("latin-1") for k, v in scope["headers"]},
            body=body,
        )
        try:
            return await asyncio.to_thread(self._run, method, call)
        except IntegrationError as error:
            print(f"api {api_id}: {error}", flush=True)
            return gateway.error_response(500, "Internal server error")

    @cached_property
    def _clients(self) -> dict[str, Any]:
        options: dict[str, Any] = {
            "endpoint_url": self._url,
            "config": Config(retries={"total_max_attempts": 1}, max_pool_connections=64),
        }
        session = boto3.Session()
        return {
            "apigateway": session.client("apigateway", **options),
            "iam": session.client("iam", **options),
            "sts": session.client("sts", **options),
        }

    @cached_property
    def _http(self) -> Any:  # botocore is untyped
        return URLLib3Session(max_pool_connections=64)

    def _s3_method(self, api_id: str, path: str, http_method: str) -> _S3Method | None:
        """Return the method that a call reaches; None if it is not integrated with S3."""
        apis = self._clients["apigateway"]
        try:
            api = apis.get_rest_api(restApiId=api_id)
            pages = apis.get_paginator("get_resources").paginate(restApiId=api_id)
            resources = [resource for page in pages for resource in page["items"]]
            match = gateway.match_resource(resources, path)
            if match is None:
                return None
            methods = match.resource.get("resourceMethods", {})
            name = next((m for m in (http_method, "ANY") if m in methods), None)
            if name is None:
                return None
            method = apis.get_method(
                restApiId=api_id, resourceId=match.resource["id"], httpMethod=name
            )
        except ClientError:
            return None  # the emulator's own response reports the error
        integration = method.get("methodIntegration", {})
        if not gateway.is_s3(integration):
            return None
        return _S3Method(integration, api.get("binaryMediaTypes", []), match.path_parameters)

    def _run(self, method: _S3Method, call: Call) -> Response:
        request = gateway.s3_request(method.integration, method.binary_media_types, call)
        signed = AWSRequest(
            method=request.method,
            url=self._url + request.path,
            headers=dict(request.headers),
            data=request.body,
        )
        credentials = self._assume_role(method.integration.get("credentials", ""))
        S3SigV4Auth(credentials, "s3", request.region).add_auth(signed)
        response = self._http.send(signed.prepare())
        headers = {name.lower(): value for name, value in response.headers.items()}
        return gateway.mapped_response(
            method.integration, Response(response.status_code, headers, response.content)
        )

    def _assume_role(self, role_arn: str) -> Credentials:
        role_name = role_arn.rpartition("/")[2]
        try:
            role = self._clients["iam"].get_role(RoleName=role_name)["Role"]
            if not gateway.trusts_api_gateway(role["AssumeRolePolicyDocument"]):
                raise IntegrationError(f"{role_name} does not trust apigateway.amazonaws.com")
            session = self._clients["sts"].assume_role(
                RoleArn=role_arn, RoleSessionName="BackplaneAssumeRoleSession"
            )["Credentials"]
        except ClientError as error:
            raise IntegrationError(f"cannot assume {role_arn!r}: {error}") from error
        return Credentials(
            session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"]
        )


async def _respond(send: Send, response: Response) -> None:
    headers = [(k.encode(), v.encode("latin-1")) for k, v in response.headers.items()]
    headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


async def _reject(scope: Scope, send: Send, reason: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
    else:
        await _respond(send, gateway.error_response(403, f"Forbidden: {reason}."))


def _decode_segment(segment: str) -> str:
    return unquote(segment).replace("/", "%2F")


async def _read_body(receive: Receive) -> bytes:
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


async def _call_emulator(scope: Scope, body: bytes) -> Response:
    """Pass a call to the emulator's application in this process and return its response."""
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

    await emulator(scope, receive, send)
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


def main() -> None:
    """Serve until SIGTERM, upon which the emulator saves its state."""
    port, lock = int(sys.argv[1]), int(sys.argv[2])
    # A function's process that outlives the server must not hold its lock.
    os.set_inheritable(lock, False)  # noqa: FBT003
    logging.getLogger("persistence").setLevel(logging.WARNING)  # it logs each of 50 files
    emulator_patches.apply_patches()
    config = ServerConfig()
    config.bind = [f"{HOST}:{port}"]
    config.accesslog = None
    config.errorlog = "-"
    asyncio.run(_serve(Server(port), config))


async def _serve(server: Server, config: ServerConfig) -> None:
    saving = asyncio.create_task(server.save_periodically())
    try:
        await serve(server, config)  # type: ignore[arg-type] # hypercorn's own scope types
    finally:
        saving.cancel()


if __name__ == "__main__":
    main()
