"""AWS's errors, said in a way that a person can act on. Translated once, here, by code."""

import re
from collections.abc import Callable
from typing import Any

from botocore import exceptions as sdk

from imgctl.core.errors import ImgctlError


class AwsError(ImgctlError):
    """AWS refused or failed an operation."""

    code = "aws"


class AccessError(AwsError):
    """The caller is not known, not allowed, or cannot reach AWS at all."""

    code = "access"


class CredentialsMissing(AccessError):
    """No credentials were found."""

    code = "no_credentials"


class CredentialsRefused(AccessError):
    """AWS does not accept the credentials, or no longer."""

    code = "credentials_refused"


class PermissionMissing(AccessError):
    """The caller is known and may not do this."""

    code = "access_denied"


class Unreachable(AccessError):
    """No connection to AWS."""

    code = "unreachable"


class RegionMissing(AccessError):
    """No region is configured."""

    code = "no_region"


class StackNotFound(AwsError):
    """There is no such stack."""

    code = "no_stack"


_LOGIN = "Check `aws configure list`, or sign in with `aws sso login`; or try it with --local."

_LOOPBACK = "http://127.0.0.1"
_RECONNECT = "Check the connection and the region; or try it with --local."
_RECONNECT_LOCAL = "The embedded AWS has stopped: run the command again, and it is started."

_REFUSED = {
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403", "Forbidden"}
_NOT_AUTHORIZED = re.compile(r"is not authorized to perform: (?P<action>[\w*:-]+)")


def none_if_missing(ask: Callable[..., Any], *absent: str, **about: str) -> Any:
    """Give AWS's answer; None where the code of its error says that there is no such thing."""
    try:
        return ask(**about)
    except sdk.ClientError as error:
        if error.response["Error"]["Code"] in absent:
            return None
        raise


def translate(error: Exception) -> ImgctlError | None:
    """Give the error that says what to do; None for one that is not known here."""
    match error:
        case sdk.ClientError():
            return _translate_code(error)
        case sdk.NoCredentialsError() | sdk.PartialCredentialsError():
            return CredentialsMissing("No AWS credentials were found.", hint=_LOGIN)
        case sdk.ProfileNotFound():
            return CredentialsMissing(
                f"{str(error).removesuffix('.')}.",
                hint="List yours with `aws configure list-profiles`.",
            )
        case sdk.NoRegionError():
            return RegionMissing(
                "No AWS region is configured.",
                hint="Give --region, or set region in imgctl.toml; or try it with --local.",
            )
        case sdk.SSOError() | sdk.UnauthorizedSSOTokenError() | sdk.CredentialRetrievalError():
            return CredentialsRefused(f"{str(error).removesuffix('.')}.", hint=_LOGIN)
        case sdk.HTTPClientError() | sdk.ConnectionError():
            return Unreachable(
                f"AWS cannot be reached: {str(error).removesuffix('.')}.",
                hint=_RECONNECT_LOCAL if _LOOPBACK in str(error) else _RECONNECT,
            )
        case _:
            return None


def _translate_code(error: Any) -> ImgctlError:
    details = error.response.get("Error", {})
    code, message = str(details.get("Code", "")), str(details.get("Message", ""))
    if code in _REFUSED:
        return CredentialsRefused(f"AWS does not accept the credentials: {message}", hint=_LOGIN)
    if code in _DENIED:
        named = _NOT_AUTHORIZED.search(message)
        action = named["action"] if named else error.operation_name
        return PermissionMissing(
            f"Not allowed to perform {action}: {message or 'AWS gave no reason'}",
            hint=f"Ask for the permission {action}, or use another --profile.",
        )
    return AwsError(
        f"{error.operation_name}: {message or code}",
        hint=f"AWS calls this {code}." if code and code not in message else "",
    )
