"""What `imgctl deploy` says when AWS says no: one clear error, a next step, and no traceback.

AWS's answers are given on the wire, as they are documented; everything above is the program itself.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.exceptions import EndpointConnectionError

from imgctl.aws import session
from infra import deployment
from infra.bundle import Architecture, Bundle
from infra.settings import NAME_SETTINGS
from tests.cli_result import CliResult

Imgctl = Callable[..., CliResult]
Answer = tuple[int, str]

IDENTITY = """<GetCallerIdentityResponse><GetCallerIdentityResult>
<Account>123456789012</Account><Arn>arn:aws:iam::123456789012:user/me</Arn><UserId>AIDA</UserId>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""
PARAMETERS = "".join(
    f"<member><ParameterKey>{name}</ParameterKey><ParameterValue>x</ParameterValue></member>"
    for name in (*(spec.parameter for spec in NAME_SETTINGS), "CodeBucket")
)


def error(code: str, message: str) -> str:
    return (
        f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error>"
        "<RequestId>r</RequestId></ErrorResponse>"
    )


def stack(status: str) -> Answer:
    return 200, (
        "<DescribeStacksResponse><DescribeStacksResult><Stacks><member>"
        "<StackName>imgctl</StackName><CreationTime>2026-11-23T00:00:00Z</CreationTime>"
        f"<StackStatus>{status}</StackStatus><Parameters>{PARAMETERS}</Parameters>"
        "</member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
    )


EVENTS = (
    200,
    "<DescribeStackEventsResponse><DescribeStackEventsResult><StackEvents><member>"
    "<EventId>e</EventId><StackId>s</StackId><StackName>imgctl</StackName>"
    "<Timestamp>2026-11-23T00:00:00Z</Timestamp><ClientRequestToken>Console-1</ClientRequestToken>"
    "</member></StackEvents></DescribeStackEventsResult></DescribeStackEventsResponse>",
)
NO_STACK = (400, error("ValidationError", "Stack with id imgctl does not exist"))
DENIED = (
    "User: arn:aws:iam::123456789012:user/me is not authorized to perform:"
    " cloudformation:DescribeStacks"
)
GOOD: dict[str, Answer] = {"GetCallerIdentity": (200, IDENTITY), "DescribeStacks": NO_STACK}

CASES: list[tuple[str, dict[str, Answer], int, str, str]] = [
    (
        "expired credentials",
        {"GetCallerIdentity": (403, error("ExpiredToken", "The security token is expired"))},
        3,
        "expired",
        "aws sso login",
    ),
    (
        "credentials that AWS does not know",
        {"GetCallerIdentity": (403, error("InvalidClientTokenId", "The token is invalid."))},
        3,
        "rejected the credentials",
        "aws configure list",
    ),
    (
        "no permission",
        GOOD | {"DescribeStacks": (403, error("AccessDenied", DENIED))},
        3,
        "cloudformation:DescribeStacks",
        "permission",
    ),
    (
        "a bucket's name that somebody else has",
        GOOD | {"HeadBucket": (403, "")},
        1,
        "src-bucket-image-in-123456789012-eu-west-2 exists and belongs to another account",
        "Choose other names",
    ),
    (
        "a stack whose creation failed",
        GOOD | {"DescribeStacks": stack("ROLLBACK_COMPLETE")},
        1,
        "ROLLBACK_COMPLETE",
        "imgctl --region eu-west-2 destroy",
    ),
    (
        "a stack that somebody else is updating",
        GOOD | {"DescribeStacks": stack("UPDATE_IN_PROGRESS"), "DescribeStackEvents": EVENTS},
        1,
        "is being updated: UPDATE_IN_PROGRESS",
        "Another program began that. Wait until it has ended, then try again",
    ),
    (
        "a stack whose update could not be rolled back",
        GOOD | {"DescribeStacks": stack("UPDATE_ROLLBACK_FAILED")},
        1,
        "so did its rollback: UPDATE_ROLLBACK_FAILED",
        "imgctl --region eu-west-2 deploy --continue-rollback",
    ),
    (
        "a stack that was deleted only in part",
        GOOD | {"DescribeStacks": stack("DELETE_FAILED")},
        1,
        "DELETE_FAILED",
        "imgctl --region eu-west-2 destroy",
    ),
]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[dict[str, Answer]], None]:
    """Let AWS answer each operation as told; the bundle is not what this is about."""
    monkeypatch.chdir(tmp_path)
    for variable in ("IMGCTL_LOCAL", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    bundle = Bundle(tmp_path / "x.zip", "ab" * 32, 1, 1, Architecture.ARM64, "cd" * 32)
    monkeypatch.setattr(deployment, "make_bundle", lambda *_, **__: bundle)

    def answer_with(told: dict[str, Answer]) -> None:
        def connect(*, region: str | None = None, **_: Any) -> session.Aws:
            made = boto3.Session(region_name=region)
            events: Any = made.events

            def answer(request: Any, event_name: str, **_: Any) -> Any:
                operation = event_name.rpartition(".")[2]
                if operation not in told:
                    raise EndpointConnectionError(endpoint_url=request.url)
                status, body = told[operation]
                headers: Any = HeadersDict()
                response: Any = AWSResponse(request.url, status, headers, None)
                response._content = body.encode()
                return response

            events.register("before-send", answer)
            return session.Aws(made)

        monkeypatch.setattr(session, "connect", connect)

    return answer_with


@pytest.mark.parametrize(
    ("told", "code", "message", "next_step"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_each_refusal_is_one_clear_error_with_a_next_step(
    imgctl: Imgctl,
    answers: Callable[[dict[str, Answer]], None],
    told: dict[str, Answer],
    code: int,
    message: str,
    next_step: str,
) -> None:
    answers(told)
    done = imgctl("deploy", "--yes", "--region", "eu-west-2")
    assert done.code == code
    assert done.err.count("Error: ") == 1
    assert "Traceback" not in done.err
    said, _, hint = done.err.partition("Error: ")[2].partition("\n")
    assert message.lower() in said.lower()
    assert next_step.lower() in hint.lower()
    assert done.out == ""


def test_without_credentials_it_says_where_to_put_them(
    imgctl: Imgctl,
    answers: Callable[[dict[str, Answer]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers(GOOD)
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(variable)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    done = imgctl("deploy", "--yes", "--region", "eu-west-2")
    assert done.code == 3
    assert "credentials" in done.err.lower()
    assert "aws configure" in done.err.lower()
    assert "Traceback" not in done.err


def test_a_region_that_is_not_there_is_named(
    imgctl: Imgctl, answers: Callable[[dict[str, Answer]], None]
) -> None:
    answers({})
    done = imgctl("deploy", "--yes", "--region", "eu-nowhere-7")
    assert done.code == 3
    assert "eu-nowhere-7" in done.err
    assert "region" in done.err.lower()
    assert "Traceback" not in done.err
