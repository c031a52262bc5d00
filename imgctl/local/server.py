"""The embedded AWS's process: the emulator, with four of its gaps closed.

It does not execute integrations with S3; it takes no account of an alias's own settings for
asynchronous invocations, its on-failure destination among them; it begins all invocations at
once, each a process, where Lambda lets them wait; and its change sets list resources whose
condition is not met.

Run as `python -m imgctl.local.server PORT LOCK`, by imgctl.local.daemon and in the clean
environment that it prepares; LOCK is the descriptor of the lock that says that the server lives.
"""

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Awaitable, Callable, MutableMapping
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
from ministack.services import lambda_svc
from ministack.services.cloudformation import changesets, engine

from imgctl.local import gateway
from imgctl.local.gateway import Call, IntegrationError, Response

HOST = "127.0.0.1"
SAVE_EVERY_S = 1

emulator = ministack.app.app

API_PREFIX = "/_aws/execute-api/"

ALIAS = "live"
"""The alias that the stack's trigger aims at; the emulator forgets which one it was."""

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]


class Server:
    """An ASGI application: the emulator's, and in its way the integrations with S3."""

    def __init__(self, port: int) -> None:
        self._url = f"http://{HOST}:{port}"
        self._changed = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI event stream (ASGI 3.0)."""
        self._changed |= scope.get("method") not in (None, "GET", "HEAD")
        if scope["type"] != "http" or not scope["path"].startswith(API_PREFIX):
            await emulator(scope, receive, send)
            return
        body = await _read_body(receive)
        response = await self._call_api(scope, body)
        headers = [(k.encode(), v.encode("latin-1")) for k, v in response.headers.items()]
        headers.append((b"content-length", str(len(response.body)).encode()))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    async def save_as_it_goes(self) -> None:
        """Save the emulator's state after changes: it does so itself only when it is stopped.

        On the event loop, where nothing changes meanwhile.
        """
        while True:
            await asyncio.sleep(SAVE_EVERY_S)
            if self._changed:
                self._changed = False
                persistence.save_all(ministack.app._build_persistence_save_dict())

    async def _call_api(self, scope: Scope, body: bytes) -> Response:
        if len(body) > gateway.MAX_PAYLOAD_BYTES:
            return gateway.failure(413, "Request Too Long")
        raw_path = scope["raw_path"].decode("ascii")
        api_id, _, rest = raw_path.removeprefix(API_PREFIX).partition("/")
        _, _, resource_path = rest.partition("/")
        _ = self._clients, self._http  # made here, on the loop, for the threads to use
        found = await asyncio.to_thread(self._s3_method, api_id, resource_path, scope["method"])
        # An encoded slash belongs to its segment: the emulator is shown it still encoded.
        one_segment = dict(scope, path="/".join(map(_decoded_segment, raw_path.split("/"))))
        answer = await _ask_emulator(one_segment, body)
        if found is None or answer.status != 504:
            return answer
        # The caller is who they say, may call this method, and sent what it requires.
        integration, binary_media_types, parameters = found
        call = Call(
            path_parameters=parameters,
            query=dict(parse_qsl(scope["query_string"].decode())),
            headers={k.decode().lower(): v.decode("latin-1") for k, v in scope["headers"]},
            body=body,
        )
        try:
            return await asyncio.to_thread(self._run, integration, binary_media_types, call)
        except IntegrationError as error:
            print(f"api {api_id}: {error}", flush=True)
            return gateway.failure(500, "Internal server error")

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

    def _s3_method(
        self, api_id: str, path: str, http_method: str
    ) -> tuple[dict[str, Any], list[str], dict[str, str]] | None:
        """Read the method that a call reaches; None where it is none with S3 behind it."""
        apis = self._clients["apigateway"]
        try:
            api = apis.get_rest_api(restApiId=api_id)
            pages = apis.get_paginator("get_resources").paginate(restApiId=api_id)
            resources = [resource for page in pages for resource in page["items"]]
            matched = gateway.match_resource(resources, path)
            if matched is None:
                return None
            resource, parameters = matched
            methods = resource.get("resourceMethods", {})
            name = next((m for m in (http_method, "ANY") if m in methods), None)
            if name is None:
                return None
            method = apis.get_method(restApiId=api_id, resourceId=resource["id"], httpMethod=name)
        except ClientError:
            return None  # the emulator says what is wrong with the call
        integration = method.get("methodIntegration", {})
        if not gateway.is_s3(integration):
            return None
        return integration, api.get("binaryMediaTypes", []), parameters

    def _run(
        self, integration: dict[str, Any], binary_media_types: list[str], call: Call
    ) -> Response:
        request = gateway.s3_request(integration, binary_media_types, call)
        signed = AWSRequest(
            method=request.method,
            url=self._url + request.path,
            headers=dict(request.headers),
            data=request.body,
        )
        credentials = self._assume(integration.get("credentials", ""))
        S3SigV4Auth(credentials, "s3", request.region).add_auth(signed)
        answer = self._http.send(signed.prepare())
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return gateway.mapped_response(
            integration, Response(answer.status_code, headers, answer.content)
        )

    def _assume(self, role_arn: str) -> Credentials:
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


def _decoded_segment(segment: str) -> str:
    return unquote(segment).replace("/", "%2F")


async def _read_body(receive: Receive) -> bytes:
    parts = []
    size = 0
    while True:
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        # Read to the end, keep no more than what tells that the limit is passed.
        if size <= gateway.MAX_PAYLOAD_BYTES + 1:
            parts.append(part)
        elif sum(map(len, parts)) <= gateway.MAX_PAYLOAD_BYTES:
            parts.append(part[: gateway.MAX_PAYLOAD_BYTES + 1])
        if not message.get("more_body"):
            return b"".join(parts)


async def _ask_emulator(scope: Scope, body: bytes) -> Response:
    """Hand a call to the emulator's application in this process, and collect its answer."""
    sent = False
    messages: list[Message] = []

    async def receive() -> Message:
        nonlocal sent
        if sent:
            await asyncio.Event().wait()  # the client stays connected
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


def patch_alias_config() -> None:
    """Let S3's notifications end, after the retries, where the alias's settings say."""
    invoke = lambda_svc.invoke_async_with_retry

    def with_settings(function: dict[str, Any], event: dict[str, Any]) -> None:
        whole = lambda_svc._functions.get(function["config"]["FunctionName"]) or {}
        settings = (whole.get("event_invoke_configs") or {}).get(ALIAS)
        invoke({**function, "event_invoke_config": settings} if settings else function, event)

    lambda_svc.invoke_async_with_retry = with_settings


def patch_concurrency() -> None:
    """Let functions run a few at once, so that many events do not starve a small machine."""
    execute = lambda_svc._execute_function
    room = threading.BoundedSemaphore(2 * (os.cpu_count() or 1))

    def execute_in_turn(*arguments: Any, **named: Any) -> Any:
        with room:
            return execute(*arguments, **named)

    lambda_svc._execute_function = execute_in_turn


def patch_changesets() -> None:
    """Let change sets leave out the resources that a condition leaves out of the stack."""
    resolve = changesets._resolve_props_for_diff

    def resolve_wanted(template: Any, parameters: Any, *stack: str) -> dict[str, Any]:
        resolved: dict[str, Any] = resolve(template, parameters, *stack)
        conditions = engine._evaluate_conditions(template, parameters) if template else {}
        wanted = {
            name: resource
            for name, resource in resolved.get("Resources", {}).items()
            if conditions.get(resource.get("Condition"), True)
        }
        return resolved | {"Resources": wanted}

    changesets._resolve_props_for_diff = resolve_wanted


def main() -> None:
    """Serve until SIGTERM; the emulator then saves its state."""
    port, lock = int(sys.argv[1]), int(sys.argv[2])
    # Functions' processes do not keep the server alive.
    os.set_inheritable(lock, False)  # noqa: FBT003
    logging.getLogger("persistence").setLevel(logging.WARNING)  # it tells of each of 50 files
    patch_alias_config()
    patch_concurrency()
    patch_changesets()
    config = ServerConfig()
    config.bind = [f"{HOST}:{port}"]
    config.accesslog = None
    config.errorlog = "-"
    asyncio.run(_serve(Server(port), config))


async def _serve(server: Server, config: ServerConfig) -> None:
    saving = asyncio.create_task(server.save_as_it_goes())
    try:
        await serve(server, config)  # type: ignore[arg-type] # hypercorn's own scope types
    finally:
        saving.cancel()


if __name__ == "__main__":
    main()
