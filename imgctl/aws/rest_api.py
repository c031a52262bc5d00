"""A client of the stack's REST API."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from imgctl.aws import api_errors
from imgctl.aws.api_errors import ApiError, ApiResponse, BodyTooLarge, KeyNotForApi
from imgctl.aws.errors import AwsError
from imgctl.aws.session import Aws
from imgctl.aws.stack import StackOutputs
from imgctl.aws.storage import StoredObject
from imgctl.core.limits import MEBIBYTE

MAX_BYTES = 10 * MEBIBYTE
"""API Gateway's limit on a payload (API Gateway Developer Guide, "Quotas")."""

TOTAL_S = 60.0
"""How long one upload may take with its retries; no retry begins after that."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 8.0


@dataclass(frozen=True, slots=True)
class Api:
    """The API, and what its callers authenticate with: a signature, an API key, both or neither.

    An upload that is throttled is repeated for as long as `total_s` seconds allow.
    """

    aws: Aws
    endpoint: str
    bucket: str
    signs: bool
    key: str = ""
    total_s: float = TOTAL_S
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def put(self, key: str, path: Path, *, checksum: str, content_type: str) -> StoredObject:
        """Upload a file as an object of the source bucket.

        Slashes in the key are sent as %2F, because the API's route has one path segment for the
        key. Raises KeyNotForApi or BodyTooLarge before anything is sent, ApiAccessDenied if every
        other file would be refused as well, and ApiError for any other failure.
        """
        if problem := api_errors.key_problem(key):
            raise KeyNotForApi(f"The key {key!r} {problem}.", hint="Use --via s3.")
        with path.open("rb") as file:
            body = file.read(MAX_BYTES + 1)
        if len(body) > MAX_BYTES:
            raise BodyTooLarge(413, "The file is larger than 10 MB, the limit of API Gateway.")
        deadline_s = self.clock() + self.total_s
        failures = 0
        while True:
            response = self._send(key, body, checksum, content_type)
            if response.status == 200:
                version_id = response.headers.get("x-amz-version-id", "")
                return StoredObject(self.bucket, key, version_id, response.headers.get("etag", ""))
            error = api_errors.error_of(response, self._caller)
            failures += 1
            pause_s = retry_pause_s(failures, random.random())  # noqa: S311 (only spreads)
            if not _is_retried(error, failures) or self.clock() + pause_s > deadline_s:
                raise error
            self.sleep(pause_s)

    @property
    def _caller(self) -> api_errors.Caller:
        return api_errors.Caller(signs=self.signs, has_key=bool(self.key))

    def _send(self, key: str, body: bytes, checksum: str, content_type: str) -> ApiResponse:
        """Send the request once; it is signed anew, because a signature expires."""
        request = AWSRequest(
            method="PUT",
            url=f"{self.endpoint}/{self.bucket}/{quote(key, safe='')}",
            headers={"Content-Type": content_type, "x-amz-checksum-sha256": checksum},
            data=body,
        )
        if self.key:
            request.headers["x-api-key"] = self.key
        if self.signs:
            SigV4Auth(self.aws.credentials, "execute-api", self.aws.region).add_auth(request)
        response = self.aws.http.send(request.prepare())
        headers = {name.lower(): value for name, value in response.headers.items()}
        return ApiResponse(
            response.status_code, headers, response.content.decode("utf-8", errors="replace")
        )


def retry_pause_s(failures: int, jitter: float) -> float:
    """Return how long to wait after so many failures in a row, in seconds.

    The longest pause doubles from half a second up to 8 s. `jitter`, from 0 to 1, chooses a pause
    between half of that and all of it, so that parallel uploads do not come back at once.
    """
    longest_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** (failures - 1))
    return longest_s * (1 + jitter) / 2


def _is_retried(error: AwsError, failures: int) -> bool:
    if not isinstance(error, ApiError):
        return False
    return error.is_throttled or (error.is_server_error and failures < api_errors.MAX_SERVER_ERRORS)


def open_api(aws: Aws, outputs: StackOutputs) -> Api:
    """Return a client of the stack's API, with the API key if it requires one."""
    signs = outputs.api_authorization == "iam"
    key = ""
    if outputs.api_key_id:
        key = aws.apigateway.get_api_key(apiKey=outputs.api_key_id, includeValue=True)["value"]
    return Api(aws, outputs.api_endpoint, outputs.source_bucket, signs, key)
