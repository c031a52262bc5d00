"""API Gateway's integrations with S3, which the emulator does not execute."""

import asyncio
import logging
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, unquote

import boto3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session

from imgctl.local import asgi, gateway
from imgctl.local.asgi import Application, Scope
from imgctl.local.gateway import Call, IntegrationError, Response

_log = logging.getLogger("imgctl.api")


@dataclass(frozen=True, slots=True)
class _S3Method:
    """A method of an API that is integrated with S3, and the path parameters of a call of it."""

    integration: dict[str, Any]
    binary_media_types: list[str]
    path_parameters: dict[str, str]


class S3Integrations:
    """Executes calls of APIs, at the emulator in this process."""

    def __init__(self, url: str, emulator: Application) -> None:
        self._url = url
        self._emulator = emulator

    async def call(self, scope: Scope, body: bytes) -> Response:
        """Return the response to a call of an API; of another integration, the emulator's own."""
        if len(body) > gateway.MAX_PAYLOAD_BYTES:
            return gateway.error_response(413, "Request Too Long")
        raw_path = scope["raw_path"].decode("ascii")
        api_id, _, rest = raw_path.removeprefix(gateway.API_PREFIX).partition("/")
        _, _, resource_path = rest.partition("/")
        _ = self._clients, self._http  # create them here: threads may share but not create them
        method = await asyncio.to_thread(self._s3_method, api_id, resource_path, scope["method"])
        # An encoded slash is part of its segment, so the emulator receives it encoded.
        segments = map(_decode_segment, raw_path.split("/"))
        response = await asgi.call(self._emulator, dict(scope, path="/".join(segments)), body)
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
            _log.warning("%s: %s", api_id, error)
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


def _decode_segment(segment: str) -> str:
    return unquote(segment).replace("/", "%2F")
