"""An examination that ends early: without credentials, region or connection."""

from datetime import UTC, datetime
from typing import Any, NoReturn

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from imgctl.aws.errors import RegionMissing
from infra.doctor.checks import CHECKS
from infra.doctor.examination import examine
from infra.doctor.result import Status

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SIGNED_LATE: Any = {
    "Error": {"Code": "SignatureDoesNotMatch", "Message": "Signature expired"},
    "ResponseMetadata": {"HTTPHeaders": {"date": "Mon, 23 Nov 2026 11:40:00 GMT"}},
}
EXPIRED: Any = {
    "Error": {"Code": "ExpiredToken", "Message": "The token has expired"},
    "ResponseMetadata": {"HTTPHeaders": {"date": "Mon, 23 Nov 2026 12:00:00 GMT"}},
}


def fails(error: Exception) -> Any:
    def connect() -> NoReturn:
        raise error

    return connect


@pytest.mark.parametrize(
    ("error", "name", "message"),
    [
        (NoCredentialsError(), "credentials", "No AWS credentials"),
        (ClientError(EXPIRED, "GetCallerIdentity"), "credentials", "The token has expired"),
        (ClientError(SIGNED_LATE, "GetCallerIdentity"), "clock", "20 minutes ahead of AWS's"),
        (RegionMissing("No AWS region is configured."), "region", "No AWS region"),
        (EndpointConnectionError(endpoint_url="https://sts"), "credentials", "cannot be reached"),
    ],
)
def test_what_keeps_from_reaching_aws_is_the_only_problem(
    error: Exception, name: str, message: str
) -> None:
    found = examine(fails(error), "imgctl", lambda: NOW)
    (problem,) = found.problems
    assert problem.check.name == name
    assert problem.problem is not None
    assert message in problem.problem.message
    not_checked = [r for r in found.results if r.status is Status.NOT_CHECKED]
    assert len(not_checked) == len(CHECKS) + 2
