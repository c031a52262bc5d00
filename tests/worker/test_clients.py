"""The function's clients send what botocore's own would send, and look at less to be made."""

import io
import os
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError

from imgctl.worker import clients
from imgctl.worker.deadline import CLIENT_CONFIG

Clients = tuple[Any, Any]


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")


def botocores_own() -> Clients:
    session: Any = botocore.session.get_session()
    s3, dynamodb = (session.create_client(s, config=CLIENT_CONFIG) for s in ("s3", "dynamodb"))
    return s3, dynamodb


class _Raw(io.BytesIO):
    def stream(self) -> list[bytes]:
        return [b""]


def sent(s3: Any, dynamodb: Any) -> list[tuple[str, str, object, str]]:
    """Return method, URL, body and scope of the signature of one request of each kind."""
    requests: list[AWSPreparedRequest] = []

    def answer(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        requests.append(request)
        return AWSResponse(request.url, 404, HTTPHeaders(), _Raw())

    key = {"resource-id": {"S": "1"}}
    calls: list[tuple[Any, str, dict[str, Any]]] = [
        (s3, "get_object", {"Bucket": "a.b", "Key": "ä b/../c+d.jpg", "IfMatch": '"1"'}),
        (s3, "head_object", {"Bucket": "bucket", "Key": "//a", "VersionId": "1"}),
        (s3, "put_object", {"Bucket": "bucket", "Key": "a", "Body": b"1", "IfNoneMatch": "*"}),
        (dynamodb, "get_item", {"TableName": "t", "Key": key}),
        (dynamodb, "put_item", {"TableName": "t", "Item": key}),
        (
            dynamodb,
            "transact_write_items",
            {
                "TransactItems": [{"Put": {"TableName": "t", "Item": key}}],
                "ClientRequestToken": "the same",
            },
        ),
    ]
    for client, operation, arguments in calls:
        client.meta.events.register("before-send", answer)
        with pytest.raises(ClientError):
            getattr(client, operation)(**arguments)
        client.meta.events.unregister("before-send", answer)
    return [(r.method, r.url, _content(r.body), _scope(r)) for r in requests]


def _content(body: Any) -> object:
    return body.read() if hasattr(body, "read") else body


def _scope(request: AWSPreparedRequest) -> str:
    """Return region and service that a request is signed for, and which headers are."""
    header = request.headers["Authorization"]
    text = header.decode() if isinstance(header, bytes) else header
    return text.partition("Credential=")[2].partition(", Signature=")[0].partition("/")[2]


@pytest.mark.parametrize(
    "environment",
    [
        {"AWS_DEFAULT_REGION": "us-east-1"},
        {"AWS_DEFAULT_REGION": "eu-central-1", "AWS_USE_DUALSTACK_ENDPOINT": "true"},
        {"AWS_DEFAULT_REGION": "us-gov-west-1", "AWS_USE_FIPS_ENDPOINT": "true"},
        {"AWS_DEFAULT_REGION": "cn-north-1"},
        {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": "http://127.0.0.1:4566"},
    ],
    ids=lambda environment: "-".join(environment.values()),
)
def test_requests_are_those_of_botocores_own_clients(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    ours, botocores = clients.create_clients(), botocores_own()
    assert sent(*ours) == sent(*botocores)
    for client, other in zip(ours, botocores, strict=True):
        assert client.meta.partition == other.meta.partition
        ours_set, others_set = vars(client.meta.config), vars(other.meta.config)
        assert ours_set["retries"] == others_set["retries"]
        assert ours_set["connect_timeout"] == others_set["connect_timeout"]


def test_only_the_data_of_the_two_services_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    listed: list[str] = []
    list_folder = os.listdir

    def record(path: Any = ".") -> list[str]:
        listed.append(Path(path).name)
        return list_folder(path)

    monkeypatch.setattr(os, "listdir", record)
    clients._data.cache_clear()
    clients.create_clients()
    assert set(listed) == {"s3", "dynamodb"}
