import unicodedata
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.credentials import RefreshableCredentials

from imgctl.aws.session import Aws, connect
from imgctl.aws.stack import StackOutputs
from imgctl.core.errors import InvalidInput
from imgctl.core.record import Record, Status, to_item
from imgctl.core.recorded_renditions import RecordedRendition
from imgctl.operations.presign import (
    NoResult,
    Validity,
    presign_original,
    presign_put,
    presign_result,
)
from tests.stack_outputs import OUTPUTS

NOW = datetime.now(UTC)
VALIDITY = Validity(900, NOW)
KEY = "trip/Käse + 1.jpg"


@pytest.fixture
def outputs(aws: Aws, table: str) -> StackOutputs:
    location: Any = {"LocationConstraint": "eu-west-2"}
    for bucket in ("originals", "results"):
        aws.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=location)
    return replace(OUTPUTS, source_bucket="originals", destination_bucket="results", table=table)


def put_record(aws: Aws, table: str, **fields: Any) -> None:
    record = Record(
        resource_id="id1",
        original_object_key=KEY,
        processing_time="2026-11-23T15:25:08.500Z",
        **{"resized_bucket": "results", "resized_object_key": "resized.jpg", **fields},
    )
    aws.dynamodb.put_item(TableName=table, Item=to_item(record))
    for key in ("resized.jpg", "web/a.jpg"):
        aws.s3.put_object(Bucket="results", Key=key, Body=b"x")


def query(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(url).query)


def test_a_url_is_for_the_result_of_a_record(aws: Aws, outputs: StackOutputs) -> None:
    put_record(aws, outputs.table)
    signed = presign_result(aws, outputs, KEY, VALIDITY, rendition="")
    assert (signed.method, signed.bucket, signed.key) == ("GET", "results", "resized.jpg")
    assert signed.expires == NOW + timedelta(minutes=15)
    assert not signed.is_cut
    assert not signed.may_be_cut


def test_a_key_typed_decomposed_is_that_of_the_upload(aws: Aws, outputs: StackOutputs) -> None:
    put_record(aws, outputs.table)
    typed = unicodedata.normalize("NFD", KEY)
    assert presign_result(aws, outputs, typed, VALIDITY, rendition="").key == "resized.jpg"
    aws.s3.put_object(Bucket="originals", Key=KEY, Body=b"x")
    assert presign_original(aws, outputs, typed, VALIDITY).key == KEY


def test_a_url_is_signed_for_the_host_of_the_region(aws: Aws, outputs: StackOutputs) -> None:
    signed = presign_put(aws, outputs, KEY, VALIDITY)
    assert urlsplit(signed.url).hostname == "originals.s3.eu-west-2.amazonaws.com"
    assert urlsplit(signed.url).path == "/trip/K%C3%A4se%20%2B%201.jpg"
    assert query(signed.url)["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query(signed.url)["X-Amz-Expires"] == ["900"]
    assert query(signed.url)["X-Amz-SignedHeaders"] == ["host"]


def test_an_upload_is_signed_for_the_composed_key(aws: Aws, outputs: StackOutputs) -> None:
    signed = presign_put(aws, outputs, unicodedata.normalize("NFD", KEY), VALIDITY)
    assert signed.key == KEY
    assert urlsplit(signed.url).path == "/trip/K%C3%A4se%20%2B%201.jpg"


@pytest.mark.parametrize("key", ["", "folder/", "x" * 1025])
def test_a_key_that_no_image_can_have_is_refused(aws: Aws, outputs: StackOutputs, key: str) -> None:
    with pytest.raises(InvalidInput):
        presign_put(aws, outputs, key, VALIDITY)


def test_an_original_is_chosen(aws: Aws, outputs: StackOutputs) -> None:
    with pytest.raises(NoResult):
        presign_original(aws, outputs, KEY, VALIDITY)
    aws.s3.put_object(Bucket="originals", Key=KEY, Body=b"x")
    assert presign_original(aws, outputs, KEY, VALIDITY).bucket == "originals"


def test_a_rendition_is_chosen_by_its_name(aws: Aws, outputs: StackOutputs) -> None:
    web = RecordedRendition(
        name="web", key="web/a.jpg", width=1, height=1, format="JPEG", file_bytes=1, settings="s"
    )
    put_record(aws, outputs.table, renditions=(web,))
    assert presign_result(aws, outputs, KEY, VALIDITY, rendition="web").key == "web/a.jpg"
    with pytest.raises(NoResult) as raised:
        presign_result(aws, outputs, KEY, VALIDITY, rendition="thumb")
    assert raised.value.hint == "It has web."


def test_an_image_that_failed_has_no_url(aws: Aws, outputs: StackOutputs) -> None:
    put_record(aws, outputs.table, status=Status.FAILED, failure_reason="No data.")
    with pytest.raises(NoResult, match="No data"):
        presign_result(aws, outputs, KEY, VALIDITY, rendition="")


def test_a_result_that_is_gone_or_was_never_made_has_no_url(
    aws: Aws, outputs: StackOutputs
) -> None:
    with pytest.raises(NoResult, match="No record"):
        presign_result(aws, outputs, KEY, VALIDITY, rendition="")
    put_record(aws, outputs.table, resized_object_key="gone.jpg")
    with pytest.raises(NoResult, match=r"gone\.jpg"):
        presign_result(aws, outputs, KEY, VALIDITY, rendition="")


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Aws:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    return connect(region="eu-west-2")


def test_temporary_credentials_of_unknown_end_are_told(temporary: Aws) -> None:
    signed = presign_put(temporary, OUTPUTS, KEY, VALIDITY)
    assert signed.may_be_cut
    assert not signed.is_cut


def test_a_url_ends_with_the_credentials_that_sign_it(
    temporary: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = NOW + timedelta(hours=1)
    credentials = RefreshableCredentials(
        "testing", "testing", "token", end, refresh_using=dict, method="sso"
    )
    monkeypatch.setattr(temporary.session._session, "_credentials", credentials)
    week = Validity(7 * 86_400, NOW)
    signed = presign_put(temporary, OUTPUTS, KEY, week)
    assert (signed.expires, signed.is_cut, signed.may_be_cut) == (end, True, False)
    assert not presign_put(temporary, OUTPUTS, KEY, VALIDITY).is_cut
