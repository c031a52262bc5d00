import pytest
from botocore import exceptions as sdk

from imgctl.aws.errors import (
    AwsError,
    CredentialsMissing,
    CredentialsRefused,
    PermissionMissing,
    RegionMissing,
    Unreachable,
    translate,
)


def client_error(code: str, message: str = "") -> sdk.ClientError:
    return sdk.ClientError({"Error": {"Code": code, "Message": message}}, "PutObject")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (sdk.NoCredentialsError(), CredentialsMissing),
        (sdk.PartialCredentialsError(provider="env", cred_var="key"), CredentialsMissing),
        (sdk.ProfileNotFound(profile="nobody"), CredentialsMissing),
        (sdk.NoRegionError(), RegionMissing),
        (sdk.UnauthorizedSSOTokenError(), CredentialsRefused),
        (sdk.EndpointConnectionError(endpoint_url="https://x"), Unreachable),
        (sdk.ConnectTimeoutError(endpoint_url="https://x"), Unreachable),
        (client_error("ExpiredToken", "The token has expired"), CredentialsRefused),
        (client_error("InvalidClientTokenId"), CredentialsRefused),
        (client_error("AccessDenied"), PermissionMissing),
        (client_error("AccessDeniedException"), PermissionMissing),
        (client_error("SlowDown", "Reduce your request rate"), AwsError),
    ],
)
def test_each_sdk_error_has_a_hint(error: Exception, expected: type[AwsError]) -> None:
    translated = translate(error)
    assert type(translated) is expected
    assert translated is not None
    assert translated.hint


def test_a_denied_action_is_named() -> None:
    message = (
        "User: arn:aws:iam::1:user/x is not authorized to perform: s3:PutObject on resource: y"
    )
    translated = translate(client_error("AccessDenied", message))
    assert translated is not None
    assert translated.message.startswith("Not allowed to perform s3:PutObject")


def test_a_denied_action_is_named_even_if_aws_gives_no_reason() -> None:
    translated = translate(client_error("AccessDenied"))
    assert translated is not None
    assert "PutObject" in translated.message


def test_a_service_role_that_is_gone_is_replaced_by_another() -> None:
    """Without it no operation on the stack is possible, not even its deletion."""
    message = "Role arn:aws:iam::1:role/gone is invalid or cannot be assumed"
    translated = translate(client_error("ValidationError", message))
    assert translated is not None
    assert "role/gone" in translated.message
    assert "set role_arn to another one" in translated.hint


def test_other_errors_are_not_translated() -> None:
    assert translate(ValueError("a bug")) is None
