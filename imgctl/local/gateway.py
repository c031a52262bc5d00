"""API Gateway's integration with S3, executed from a REST API as it is deployed.

The emulator routes, authenticates and authorises a call, and stops where an integration with S3
begins. What follows is read from the API itself: the method's integration, its mappings, the role
that it assumes and its responses. Nothing here knows a particular API, so that a mistake in a
template shows here as it would in AWS.

Sources: API Gateway Developer Guide, "Tutorial: Create a REST API as an Amazon S3 proxy",
"Amazon API Gateway API request and response data mapping reference", "Content type conversions".
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

MAX_PAYLOAD_BYTES = 10 * 1024 * 1024
"""API Gateway's limit on a payload; it cannot be raised."""

_S3_PATH_URI = re.compile(r"arn:[\w-]+:apigateway:(?P<region>[\w-]+):s3:path/(?P<path>.+)")
_VARIABLE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class S3Request:
    """What an integration sends to S3: `path` is percent-encoded and begins with a slash."""

    method: str
    region: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the API: path parameters decoded, header names in lower case."""

    path_parameters: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


class IntegrationError(Exception):
    """The API is configured so that the call cannot be made: API Gateway answers 500."""


def failure(status: int, message: str) -> Response:
    """Give an error in the form that API Gateway gives its own."""
    return Response(
        status, {"content-type": "application/json"}, json.dumps({"message": message}).encode()
    )


def match_resource(
    resources: Sequence[Mapping[str, Any]], raw_path: str
) -> tuple[Mapping[str, Any], dict[str, str]] | None:
    """Find the resource that a path, still percent-encoded, belongs to, and its parameters.

    A literal segment wins over a parameter, a parameter over a greedy one. A segment is decoded
    after the path is split, so that an encoded slash stays within its segment.
    """
    segments = [segment for segment in raw_path.split("/") if segment]
    best: tuple[list[int], Mapping[str, Any], dict[str, str]] | None = None
    for resource in resources:
        found = _match_template(resource["path"], segments)
        if found is not None and (best is None or found[0] < best[0]):
            best = (found[0], resource, found[1])
    return None if best is None else best[1:]


def _match_template(template: str, segments: list[str]) -> tuple[list[int], dict[str, str]] | None:
    parameters: dict[str, str] = {}
    ranks: list[int] = []
    parts = [part for part in template.split("/") if part]
    for index, part in enumerate(parts):
        if part.startswith("{") and part.endswith("+}"):
            if index >= len(segments):
                return None
            parameters[part[1:-2]] = unquote("/".join(segments[index:]))
            return [*ranks, 2], parameters
        if index >= len(segments):
            return None
        if part.startswith("{"):
            parameters[part[1:-1]] = unquote(segments[index])
            ranks.append(1)
        elif part == unquote(segments[index]):
            ranks.append(0)
        else:
            return None
    return (ranks, parameters) if len(parts) == len(segments) else None


def is_s3(integration: Mapping[str, Any]) -> bool:
    """Tell whether an integration is one with S3 by path, which is executed here."""
    return integration.get("type") == "AWS" and bool(
        _S3_PATH_URI.fullmatch(integration.get("uri", ""))
    )


def s3_request(
    integration: Mapping[str, Any], binary_media_types: Sequence[str], call: Call
) -> S3Request:
    """Build the request to S3 by the integration's URI, method and request parameters."""
    uri = _S3_PATH_URI.fullmatch(integration["uri"])
    if uri is None or not integration.get("httpMethod"):
        raise IntegrationError("the integration names no S3 path or no HTTP method")
    path_values: dict[str, str] = {}
    headers: dict[str, str] = {}
    query: dict[str, str] = {}
    for target, source in (integration.get("requestParameters") or {}).items():
        value = _request_value(source, call)
        if value is None:
            continue
        kind, _, name = target.removeprefix("integration.request.").partition(".")
        {"path": path_values, "header": headers, "querystring": query}[kind][name] = value

    def substitute(match: re.Match[str]) -> str:
        if match[1] not in path_values:
            raise IntegrationError(f"no request parameter maps to the path's {{{match[1]}}}")
        return quote(path_values[match[1]], safe="/~")

    path = "/" + _VARIABLE.sub(substitute, uri["path"])
    if query:
        path += "?" + "&".join(f"{quote(k)}={quote(v)}" for k, v in sorted(query.items()))
    return S3Request(
        method=integration["httpMethod"],
        region=uri["region"],
        path=path,
        headers=headers,
        body=_converted_body(integration, binary_media_types, call),
    )


def _request_value(source: str, call: Call) -> str | None:
    if source.startswith("'") and source.endswith("'"):
        return source[1:-1]
    kind, _, name = source.removeprefix("method.request.").partition(".")
    match kind:
        case "path":
            return call.path_parameters.get(name)
        case "header":
            return call.headers.get(name.lower())
        case "querystring":
            return call.query.get(name)
        case _:
            raise IntegrationError(f"the mapping from {source} is not supported")


def _converted_body(
    integration: Mapping[str, Any], binary_media_types: Sequence[str], call: Call
) -> bytes:
    """Pass a binary body through; read any other as UTF-8 text, as API Gateway does.

    A picture whose type is not among the API's binary media types is destroyed by this.
    """
    handling = integration.get("contentHandling")
    if handling:
        raise IntegrationError(f"contentHandling {handling} is not supported")
    content_type = call.headers.get("content-type", "application/json")
    media_type = content_type.partition(";")[0].strip().lower()
    if "*/*" in binary_media_types or media_type in binary_media_types:
        return call.body
    return call.body.decode("utf-8", errors="replace").encode()


def mapped_response(integration: Mapping[str, Any], answer: Response) -> Response:
    """Choose the integration response whose pattern matches S3's status, and map its headers.

    The one without a pattern is the default; where none fits, API Gateway answers 500.
    """
    responses = list((integration.get("integrationResponses") or {}).values())
    chosen = next(
        (
            response
            for response in responses
            if response.get("selectionPattern")
            and re.fullmatch(response["selectionPattern"], str(answer.status))
        ),
        next((response for response in responses if not response.get("selectionPattern")), None),
    )
    if chosen is None:
        return failure(500, "Internal server error")
    headers = {"content-type": "application/json"}
    for target, source in (chosen.get("responseParameters") or {}).items():
        name = target.removeprefix("method.response.header.").lower()
        if source.startswith("'"):
            headers[name] = source[1:-1]
        elif value := answer.headers.get(
            source.removeprefix("integration.response.header.").lower()
        ):
            headers[name] = value
    return Response(int(chosen["statusCode"]), headers, answer.body)


def trusts_api_gateway(trust_policy: Mapping[str, Any]) -> bool:
    """Tell whether a role's trust policy lets API Gateway assume it."""
    statements = trust_policy.get("Statement", [])
    for statement in [statements] if isinstance(statements, dict) else statements:
        service = statement.get("Principal", {}).get("Service", [])
        services = [service] if isinstance(service, str) else service
        if statement.get("Effect") == "Allow" and "apigateway.amazonaws.com" in services:
            return True
    return False
