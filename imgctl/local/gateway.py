"""API Gateway's integration with S3, executed as the deployed REST API defines it.

The emulator routes, authenticates and authorizes a call but does not execute integrations with S3.
This module does, from the API's own definition: the method's integration, its mappings, the role
that it assumes and its responses. It depends on no particular API, so a mistake in the template
has the same effect here as in AWS.

Sources: API Gateway Developer Guide, "Tutorial: Create a REST API as an Amazon S3 proxy",
"Amazon API Gateway API request and response data mapping reference", "Content type conversions",
"Amazon API Gateway important notes".
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

API_PREFIX = "/_aws/execute-api/"
"""How the paths of calls of APIs begin, before the API's ID and the stage."""

MAX_PAYLOAD_BYTES = 10 * 1024 * 1024
"""API Gateway's limit on a payload, which cannot be raised (Developer Guide, "Quotas")."""

_S3_PATH_URI = re.compile(r"arn:[\w-]+:apigateway:(?P<region>[\w-]+):s3:path/(?P<path>.+)")
_VARIABLE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response; header names are in lowercase."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class S3Request:
    """The request of an integration to S3; `path` is percent-encoded and starts with a slash."""

    method: str
    region: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the API; path parameters are decoded, header names are in lowercase."""

    path_parameters: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class ResourceMatch:
    """The API's resource that a path belongs to, and the decoded path parameters."""

    resource: Mapping[str, Any]
    path_parameters: dict[str, str]


class IntegrationError(Exception):
    """The integration is misconfigured: API Gateway returns status 500."""


def error_response(status: int, message: str) -> Response:
    """Return an error in the form of API Gateway's own errors."""
    return Response(
        status, {"content-type": "application/json"}, json.dumps({"message": message}).encode()
    )


def match_resource(resources: Sequence[Mapping[str, Any]], raw_path: str) -> ResourceMatch | None:
    """Find the resource that a percent-encoded path belongs to; None if there is none.

    A literal segment takes precedence over a parameter, and a parameter over a greedy one. The
    path is split before its segments are decoded, so an encoded slash stays in its segment.
    """
    segments = [segment for segment in raw_path.split("/") if segment]
    matches = [
        (match.ranks, index, ResourceMatch(resource, match.parameters))
        for index, resource in enumerate(resources)
        if (match := _match_template(resource["path"], segments)) is not None
    ]
    return min(matches, key=lambda candidate: candidate[:2])[2] if matches else None


@dataclass(frozen=True, slots=True)
class _TemplateMatch:
    """A path that matches a resource's path; `ranks` orders matches, the most specific first."""

    ranks: list[int]
    parameters: dict[str, str]


def _match_template(template: str, segments: list[str]) -> _TemplateMatch | None:
    parameters: dict[str, str] = {}
    ranks: list[int] = []
    parts = [part for part in template.split("/") if part]
    for index, part in enumerate(parts):
        if part.startswith("{") and part.endswith("+}"):
            if index >= len(segments):
                return None
            parameters[part[1:-2]] = unquote("/".join(segments[index:]))
            return _TemplateMatch([*ranks, 2], parameters)
        if index >= len(segments):
            return None
        if part.startswith("{"):
            parameters[part[1:-1]] = unquote(segments[index])
            ranks.append(1)
        elif part == unquote(segments[index]):
            ranks.append(0)
        else:
            return None
    return _TemplateMatch(ranks, parameters) if len(parts) == len(segments) else None


def is_s3(integration: Mapping[str, Any]) -> bool:
    """Return whether an integration addresses S3 by path, the kind that is executed here."""
    return integration.get("type") == "AWS" and bool(
        _S3_PATH_URI.fullmatch(integration.get("uri", ""))
    )


def s3_request(
    integration: Mapping[str, Any], binary_media_types: Sequence[str], call: Call
) -> S3Request:
    """Build the request to S3 from the integration's URI, method and request parameters.

    Raises IntegrationError if the integration is misconfigured or not supported.
    """
    uri = _S3_PATH_URI.fullmatch(integration["uri"])
    if uri is None or not integration.get("httpMethod"):
        raise IntegrationError("the integration has no S3 path or no HTTP method")
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
            raise IntegrationError(f"no request parameter is mapped to {{{match[1]}}} in the path")
        return _as_in_address(path_values[match[1]])

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


def _as_in_address(value: str) -> str:
    """Return a decoded path parameter as S3 understands it in the address of the request.

    API Gateway does not encode it again ("Amazon API Gateway important notes"): `?` begins the
    query string, `#` ends the address, `%41` is an A, and S3 reads `+` as a space (aws-sdk-java
    #1902). Only what no address can contain is encoded, which any HTTP client does.
    """
    before_fragment = value.partition("#")[0]
    path, question_mark, query = before_fragment.partition("?")
    sent = quote(path, safe="/~%!$&'()*,:;=@+").replace("+", "%20")
    return sent + question_mark + quote(query, safe="/~%!$&'()*,:;=@+?")


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
    """Return a binary body unchanged and any other converted to UTF-8 text, as in API Gateway.

    An image is corrupted if its type is not among the API's binary media types.
    """
    handling = integration.get("contentHandling")
    if handling:
        raise IntegrationError(f"contentHandling {handling} is not supported")
    content_type = call.headers.get("content-type", "application/json")
    media_type = content_type.partition(";")[0].strip().lower()
    if "*/*" in binary_media_types or media_type in binary_media_types:
        return call.body
    return call.body.decode("utf-8", errors="replace").encode()


def mapped_response(integration: Mapping[str, Any], s3_response: Response) -> Response:
    """Select the integration response whose pattern matches S3's status, and map its headers.

    An integration response without a pattern is the default. Without a match or a default, API
    Gateway returns status 500.
    """
    responses = list((integration.get("integrationResponses") or {}).values())
    selected = next(
        (
            response
            for response in responses
            if response.get("selectionPattern")
            and re.fullmatch(response["selectionPattern"], str(s3_response.status))
        ),
        next((response for response in responses if not response.get("selectionPattern")), None),
    )
    if selected is None:
        return error_response(500, "Internal server error")
    headers = {"content-type": "application/json"}
    for target, source in (selected.get("responseParameters") or {}).items():
        name = target.removeprefix("method.response.header.").lower()
        if source.startswith("'"):
            headers[name] = source[1:-1]
        elif value := s3_response.headers.get(
            source.removeprefix("integration.response.header.").lower()
        ):
            headers[name] = value
    return Response(int(selected["statusCode"]), headers, s3_response.body)


def trusts_api_gateway(trust_policy: Mapping[str, Any]) -> bool:
    """Return whether a role's trust policy lets API Gateway assume it."""
    statements = trust_policy.get("Statement", [])
    for statement in [statements] if isinstance(statements, dict) else statements:
        service = statement.get("Principal", {}).get("Service", [])
        services = [service] if isinstance(service, str) else service
        if statement.get("Effect") == "Allow" and "apigateway.amazonaws.com" in services:
            return True
    return False
