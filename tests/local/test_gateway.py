import json
from collections.abc import Mapping
from typing import Any

import pytest

from imgctl.local.gateway import (
    Call,
    IntegrationError,
    Response,
    is_s3,
    mapped_response,
    match_resource,
    s3_request,
    trusts_api_gateway,
)

JPEG = b"\xff\xd8\xff\xe0\x80\x81"


def integration(**changes: Any) -> dict[str, Any]:
    return {
        "type": "AWS",
        "httpMethod": "PUT",
        "uri": "arn:aws:apigateway:eu-west-2:s3:path/{bucket}/{key}",
        "requestParameters": {
            "integration.request.path.bucket": "method.request.path.folder",
            "integration.request.path.key": "method.request.path.item",
            "integration.request.header.Content-Type": "method.request.header.Content-Type",
            "integration.request.header.x-amz-acl": "'private'",
        },
        **changes,
    }


def call(**changes: Any) -> Call:
    values: dict[str, Any] = {
        "path_parameters": {"folder": "photos", "item": "a/b ü.jpg"},
        "query": {},
        "headers": {"content-type": "image/jpeg"},
        "body": JPEG,
    }
    return Call(**(values | changes))


def test_the_request_to_s3_follows_the_mappings() -> None:
    request = s3_request(integration(), ["*/*"], call())
    assert (request.method, request.region) == ("PUT", "eu-west-2")
    assert request.path == "/photos/a/b%20%C3%BC.jpg"
    assert request.headers == {"Content-Type": "image/jpeg", "x-amz-acl": "private"}
    assert request.body == JPEG


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("a+b.jpg", "/photos/a%20b.jpg"),
        ("a?acl", "/photos/a?acl"),
        ("a#b.jpg", "/photos/a"),
        ("%41.jpg", "/photos/%41.jpg"),
        ("a?b+c#d", "/photos/a?b+c"),
        ("quotes \"'`<>|.jpg", "/photos/quotes%20%22'%60%3C%3E%7C.jpg"),
    ],
)
def test_a_path_parameter_is_not_encoded_again_as_in_aws(key: str, path: str) -> None:
    parameters = {"folder": "photos", "item": key}
    assert s3_request(integration(), ["*/*"], call(path_parameters=parameters)).path == path


def test_an_unmapped_header_does_not_reach_s3() -> None:
    headers = {"content-type": "image/jpeg", "x-amz-storage-class": "GLACIER"}
    assert (
        "x-amz-storage-class"
        not in s3_request(integration(), ["*/*"], call(headers=headers)).headers
    )


def test_a_mapped_query_parameter_reaches_s3() -> None:
    mapped = integration(
        requestParameters=integration()["requestParameters"]
        | {"integration.request.querystring.tagging": "method.request.querystring.tags"}
    )
    assert s3_request(mapped, ["*/*"], call(query={"tags": "a b"})).path.endswith("?tagging=a%20b")


def test_a_path_variable_without_a_mapping_is_an_error() -> None:
    broken = integration(requestParameters={"integration.request.path.bucket": "'photos'"})
    with pytest.raises(IntegrationError, match="key"):
        s3_request(broken, ["*/*"], call())


@pytest.mark.parametrize("binary", [["*/*"], ["image/jpeg"]])
def test_a_body_of_a_binary_type_is_passed_unchanged(binary: list[str]) -> None:
    assert s3_request(integration(), binary, call()).body == JPEG


@pytest.mark.parametrize("binary", [[], ["image/png"]])
def test_an_image_of_another_type_is_corrupted_as_in_aws(binary: list[str]) -> None:
    assert s3_request(integration(), binary, call()).body == JPEG.decode(errors="replace").encode()


def responses(*listed: Mapping[str, Any]) -> dict[str, Any]:
    return integration(integrationResponses={r["statusCode"]: dict(r) for r in listed})


OK = {"statusCode": "200", "selectionPattern": r"2\d{2}"}
BAD = {"statusCode": "400", "selectionPattern": r"4\d{2}"}
OTHER = {"statusCode": "500"}


@pytest.mark.parametrize(("s3_status", "status"), [(200, 200), (204, 200), (403, 400), (503, 500)])
def test_the_response_is_selected_by_its_pattern_or_is_the_default(
    s3_status: int, status: int
) -> None:
    response = mapped_response(responses(OTHER, OK, BAD), Response(s3_status, {}, b"body"))
    assert (response.status, response.body) == (status, b"body")


def test_without_patterns_every_failure_is_returned_as_a_success() -> None:
    only = {"statusCode": "200"}
    assert mapped_response(responses(only), Response(403, {}, b"denied")).status == 200


def test_no_matching_response_is_an_internal_error() -> None:
    response = mapped_response(responses(OK), Response(403, {}, b"denied"))
    assert response.status == 500
    assert json.loads(response.body) == {"message": "Internal server error"}


def test_only_mapped_headers_are_returned() -> None:
    mapped = OK | {
        "responseParameters": {
            "method.response.header.ETag": "integration.response.header.ETag",
            "method.response.header.Cache-Control": "'no-store'",
            "method.response.header.Absent": "integration.response.header.Absent",
        }
    }
    headers = {"etag": '"abc"', "x-amz-id-2": "internal"}
    response = mapped_response(responses(mapped), Response(200, headers, b""))
    assert response.headers == {
        "content-type": "application/json",
        "etag": '"abc"',
        "cache-control": "no-store",
    }


RESOURCES = [
    {"path": "/", "id": "root"},
    {"path": "/{bucket}", "id": "bucket"},
    {"path": "/{bucket}/{filename}", "id": "file"},
    {"path": "/health/{filename}", "id": "health"},
    {"path": "/any/{proxy+}", "id": "proxy"},
]


@pytest.mark.parametrize(
    ("path", "resource", "parameters"),
    [
        ("", "root", {}),
        ("photos", "bucket", {"bucket": "photos"}),
        ("photos/a.jpg", "file", {"bucket": "photos", "filename": "a.jpg"}),
        ("photos/a%2Fb%20c.jpg", "file", {"bucket": "photos", "filename": "a/b c.jpg"}),
        ("health/x", "health", {"filename": "x"}),
        ("any/a/b/c", "proxy", {"proxy": "a/b/c"}),
    ],
)
def test_a_path_matches_the_most_specific_resource(
    path: str, resource: str, parameters: dict[str, str]
) -> None:
    match = match_resource(RESOURCES, path)
    assert match is not None
    assert (match.resource["id"], match.path_parameters) == (resource, parameters)


def test_a_key_with_unencoded_slashes_matches_no_resource() -> None:
    assert match_resource(RESOURCES, "photos/a/b.jpg") is None


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("arn:aws:apigateway:eu-west-2:s3:path/{bucket}/{key}", True),
        ("arn:aws-cn:apigateway:cn-north-1:s3:path/x", True),
        ("arn:aws:apigateway:eu-west-2:sqs:path/1/queue", False),
        ("arn:aws:apigateway:eu-west-2:s3:action/ListBuckets", False),
    ],
)
def test_only_integrations_with_s3_paths_are_executed(uri: str, *, expected: bool) -> None:
    assert is_s3({"type": "AWS", "uri": uri}) is expected
    assert not is_s3({"type": "HTTP", "uri": uri})


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("apigateway.amazonaws.com", True),
        (["lambda.amazonaws.com", "apigateway.amazonaws.com"], True),
        ("lambda.amazonaws.com", False),
    ],
)
def test_a_role_must_trust_api_gateway(service: object, *, expected: bool) -> None:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    assert trusts_api_gateway({"Statement": [statement]}) is expected
    assert trusts_api_gateway({"Statement": statement}) is expected
