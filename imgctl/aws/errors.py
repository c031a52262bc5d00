"""AWS errors, translated by their code into errors that users can act on.

This is the only place that does so.
"""

import re
from collections.abc import Callable
from typing import Any

from botocore import exceptions as sdk

from imgctl.core.errors import ImgctlError, InvalidInput


class AwsError(ImgctlError):
    """An AWS operation was rejected or failed."""

    code = "aws"


class AccessError(AwsError):
    """The caller is not authenticated, not authorized, or cannot reach AWS."""

    code = "access"


class CredentialsMissing(AccessError):
    """No credentials were found."""

    code = "no_credentials"


class CredentialsRefused(AccessError):
    """AWS rejected the credentials as invalid or expired."""

    code = "credentials_refused"


class PermissionMissing(AccessError):
    """The caller is authenticated but lacks a permission."""

    code = "access_denied"


class WrongAccount(AccessError):
    """The credentials belong to another account than the setting `account` allows."""

    code = "wrong_account"


class Unreachable(AccessError):
    """AWS cannot be reached over the network."""

    code = "unreachable"


class RegionMissing(AccessError):
    """No region is configured."""

    code = "no_region"


class StackNotFound(AwsError):
    """The stack does not exist or is incomplete."""

    code = "no_stack"


class InvalidRegion(InvalidInput):
    """The region that the AWS configuration names cannot be one."""


NO_REGION = "No AWS region is configured."
NO_REGION_HINT = "Pass --region or set region in imgctl.toml; to try imgctl offline, use --local."

EDIT_CONFIG = "Correct the file ~/.aws/config, or the one that AWS_CONFIG_FILE names."
_LOGIN_HINT = (
    "Check `aws configure list` or sign in with `aws sso login`;"
    " to try imgctl offline, use --local."
)
_LOOPBACK = "http://127.0.0.1"
_RECONNECT_HINT = "Check the connection and the region; to try imgctl offline, use --local."
_RECONNECT_LOCAL_HINT = "The embedded AWS has stopped: run the command again to restart it."

_REJECTED_CODES = {
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "RequestExpired",
    "TokenRefreshRequired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_CLOCK_CODES = {"RequestInTheFuture", "RequestTimeTooSkewed"}
_SKEWED = re.compile(r"Signature (?:expired|not yet current)")
_DENIED_CODES = {
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
    "403",
    "Forbidden",
}
_LOST_ROLE = "is invalid or cannot be assumed"
_NOT_AUTHORIZED = re.compile(r"is not authorized to perform: (?P<action>[\w*:-]+)")


def none_if_missing(operation: Callable[..., Any], *codes: str, **parameters: str) -> Any:
    """Call a client's operation; return its response, or None if it fails with one of `codes`.

    `codes` are the AWS error codes that mean that the resource does not exist.
    """
    try:
        return operation(**parameters)
    except sdk.ClientError as error:
        if error.response["Error"]["Code"] in codes:
            return None
        raise


def translate(error: Exception) -> ImgctlError | None:
    """Return the actionable error for an SDK error; None for any other exception."""
    match error:
        case sdk.ClientError():
            return _translate_code(error)
        case sdk.NoCredentialsError() | sdk.PartialCredentialsError():
            return CredentialsMissing("No AWS credentials were found.", hint=_LOGIN_HINT)
        case sdk.ProfileNotFound():
            return CredentialsMissing(
                f"{str(error).removesuffix('.')}.",
                hint="List the profiles with `aws configure list-profiles`.",
            )
        case sdk.ConfigParseError() | sdk.ConfigNotFound():
            return CredentialsMissing(f"{str(error).removesuffix('.')}.", hint=EDIT_CONFIG)
        case sdk.NoRegionError():
            return RegionMissing(NO_REGION, hint=NO_REGION_HINT)
        case sdk.InvalidRegionError():
            return InvalidRegion(
                f"The configured AWS region is invalid: {error.kwargs.get('region_name')!r}.",
                hint="Pass --region, or correct AWS_REGION or the AWS configuration file.",
            )
        case sdk.UnknownRegionError():
            return InvalidRegion(
                f"There is no AWS region {error.kwargs.get('region_name')!r}.",
                hint="Pass another --region, or update botocore if the region is new.",
            )
        case sdk.SSOError() | sdk.UnauthorizedSSOTokenError() | sdk.CredentialRetrievalError():
            return CredentialsRefused(f"{str(error).removesuffix('.')}.", hint=_LOGIN_HINT)
        case sdk.HTTPClientError() | sdk.ConnectionError():
            return Unreachable(
                f"AWS cannot be reached: {str(error).removesuffix('.')}.",
                hint=_RECONNECT_LOCAL_HINT if _LOOPBACK in str(error) else _RECONNECT_HINT,
            )
        case _:
            return None


def _translate_code(error: Any) -> ImgctlError:
    details = error.response.get("Error", {})
    code, message = str(details.get("Code", "")), str(details.get("Message", ""))
    if code in _CLOCK_CODES or _SKEWED.search(message):
        return CredentialsRefused(
            f"This machine's clock differs too much from that of AWS: {message or code}",
            hint="Set the clock, for example with `sudo timedatectl set-ntp true`.",
        )
    if code in _REJECTED_CODES:
        return CredentialsRefused(f"AWS rejected the credentials: {message}", hint=_LOGIN_HINT)
    if code in _DENIED_CODES:
        match = _NOT_AUTHORIZED.search(message)
        action = match["action"] if match else error.operation_name
        return PermissionMissing(
            f"Not allowed to perform {action}: {message or 'AWS gave no reason.'}",
            hint=f"Request the permission {action}, or use another --profile.",
        )
    if _LOST_ROLE in message:  # of CloudFormation, which never forgets a stack's role
        return AwsError(
            f"{error.operation_name}: {message}",
            hint="CloudFormation acts with this role, because role_arn names it or because the"
            " stack remembers it. Make the role again, or set role_arn to another one that"
            " CloudFormation can assume.",
        )
    return AwsError(
        f"{error.operation_name}: {message or code}",
        hint=f"AWS error code: {code}." if code and code not in message else "",
    )
