"""What the REST API cannot take, and what its responses other than 200 mean: one error for each.

A response is either API Gateway's own (JSON) or S3's (XML), which the API passes on with its
reason. Sources: API Gateway Developer Guide, "Gateway response types for API Gateway", "Quotas".
"""

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from imgctl.aws.errors import AwsError, PermissionMissing

MAX_SERVER_ERRORS = 4
"""How often an upload is sent at most if the API keeps returning 5xx."""

_MAX_REASON = 300
_S3_CODE = re.compile(r"<Code>([^<]*)</Code>")
_S3_MESSAGE = re.compile(r"<Message>([^<]*)</Message>")
_CHANGED_CODES = ("BadDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch")
_INVOKE = "execute-api:Invoke"
# API Gateway decodes a path parameter before it puts it into the address of its request to S3
# (Developer Guide, "Amazon API Gateway important notes"). There, `?` and `#` end the path, S3 reads
# `+` as a space (aws-sdk-java #1902), and `%` begins another code.
_ALTERED = "+?#%"


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """A response of the API; header names are in lowercase."""

    status: int
    headers: Mapping[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class Caller:
    """What a request was authenticated with."""

    signs: bool
    has_key: bool


class ApiError(AwsError):
    """The API did not store the object; `status` is that of its response."""

    code = "api"

    def __init__(self, status: int, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status

    @property
    def is_throttled(self) -> bool:
        """Whether the same request would succeed later."""
        return self.status == 429

    @property
    def is_server_error(self) -> bool:
        """Whether the failure is not the caller's, so that a retry may succeed."""
        return self.status >= 500


class BodyTooLarge(ApiError):
    """The file exceeds API Gateway's limit."""

    code = "body_too_large"

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message, hint="Use --via s3.")


class QuotaExhausted(ApiError):
    """The quota of the caller's usage plan is used up, for a day, a week or a month."""

    code = "quota_exhausted"

    @property
    def is_throttled(self) -> bool:
        """Never: no retry within minutes helps."""
        return False


class ApiAccessDenied(PermissionMissing):
    """API Gateway refused the caller, and would refuse every other upload as well."""


class KeyNotForApi(AwsError):
    """The API would store the object under another key."""

    code = "key_not_for_api"


def key_problem(key: str) -> str | None:
    """Return why the API cannot store an object under a key; None if it can.

    The answer follows "The key ...".
    """
    altered = [character for character in _ALTERED if character in key]
    if not altered:
        return None
    return (
        f"contains {' and '.join(altered)}: API Gateway decodes keys before it calls S3, which"
        " would store the object under another key"
    )


def error_of(response: ApiResponse, caller: Caller) -> AwsError:
    """Return the error that a response other than 200 means."""
    status = response.status
    from_s3 = _S3_CODE.search(response.body)
    reason = _reason(response.body)
    told = f"The API returned {status}: {reason}"
    if from_s3 is not None and status != 500:
        return ApiError(status, f"{told} ({from_s3[1]})", hint=_s3_hint(status, from_s3[1]))
    match status:
        case 403:
            return ApiAccessDenied(told, hint=_refusal_hint(reason, caller))
        case 413:
            return BodyTooLarge(status, told)
        case 429 if "limit exceeded" in reason.lower():
            return QuotaExhausted(
                status, told, hint="The API key's quota is used up: use --via s3."
            )
        case 429:
            return ApiError(
                status,
                told,
                hint="Use fewer --jobs, or raise api_requests_per_s and api_burst.",
            )
        case 404:
            return ApiError(status, told, hint="Deploy the stack again: its API lacks the route.")
        case _ if status >= 500:
            return ApiError(
                status,
                told,
                hint="Read the API's log, check the permissions of its role, and try again.",
            )
        case _:
            return ApiError(status, told, hint="Read the API's log.")


def _s3_hint(status: int, code: str) -> str:
    if code in _CHANGED_CODES:
        return "The file changed while it was sent, or was altered on the way: upload it again."
    if status == 403:
        return (
            "Check that the API's role is allowed s3:PutObject on the bucket, and with kms_key also"
            " kms:GenerateDataKey, and that no bucket policy denies it."
        )
    if code == "NoSuchBucket":
        return "Deploy the stack again: its source bucket is gone."
    return ""


def _refusal_hint(reason: str, caller: Caller) -> str:
    """Return what to check after API Gateway's own 403, of which the reason says little."""
    lowered = reason.lower()
    if "expired" in lowered or "not yet current" in lowered:
        return "Sign in again, and check this machine's clock."
    if "not authorized" in lowered or "explicit deny" in lowered:
        return f"Request the permission {_INVOKE} on the API, or use another --profile."
    if "signature" in lowered or "security token" in lowered:
        return "Check the credentials with `aws sts get-caller-identity`."
    if caller.has_key:
        return "Check that the API key is enabled and belongs to the stack's usage plan."
    if caller.signs:
        return f"Check the permission {_INVOKE}, and whether a web ACL or VPC blocks the request."
    return "Check whether the setting api_authorization has changed since the last deployment."


def _reason(body: str) -> str:
    """Extract the message of S3 (XML) or API Gateway (JSON: `message`, from IAM `Message`)."""
    if match := _S3_MESSAGE.search(body):
        return html.unescape(match[1]).removesuffix(".")
    try:
        document: Any = json.loads(body)
        named = {name.lower(): value for name, value in document.items()}
        reason = str(named["message"])
    except (ValueError, KeyError, AttributeError):
        reason = body
    return reason.strip()[:_MAX_REASON].removesuffix(".") or "no reason given"
