"""Signatures are those that botocore makes."""

from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from imgctl.aws.sigv4 import Scope, signed_headers

HASH = "0" * 64


def ours(path: str, token: str | None, **headers: str) -> dict[str, str]:
    return signed_headers(
        "PUT",
        path,
        {"host": "b.s3.eu-west-2.amazonaws.com", **headers},
        HASH,
        credentials=ReadOnlyCredentials("AKID", "secret", token),
        scope=Scope("eu-west-2", "s3"),
        now=datetime.now(UTC),
    )


def botocores(path: str, token: str | None, time: str, **headers: str) -> str:
    request = AWSRequest(
        method="PUT",
        url=f"https://b.s3.eu-west-2.amazonaws.com{path}",
        headers={**headers, "X-Amz-Content-SHA256": HASH},
    )
    auth = S3SigV4Auth(Credentials("AKID", "secret", token), "s3", "eu-west-2")
    with pytest.MonkeyPatch.context() as patch:
        moment = datetime.strptime(time, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        patch.setattr(auth, "payload", lambda _: HASH)
        patch.setattr("botocore.auth.get_current_datetime", lambda: moment.replace(tzinfo=None))
        auth.add_auth(request)
    return str(request.headers["Authorization"])


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.sampled_from([None, "t"]))
def test_the_signature_of_any_key_is_botocores(key: str, token: str | None) -> None:
    path = "/" + quote(key, safe="/~")
    headers = {"content-type": "image/jpeg", "x-amz-checksum-sha256": "AAAA="}
    signed = ours(path, token, **headers)
    assert signed["authorization"] == botocores(path, token, signed["x-amz-date"], **headers)
    assert signed.get("x-amz-security-token") == token
