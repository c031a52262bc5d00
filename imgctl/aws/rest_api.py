"""A client of the stack's REST API."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import quote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest

from imgctl.aws import api_errors
from imgctl.aws.adaptive_limit import BUSY_STATUSES, AdaptiveLimit, backoff_s
from imgctl.aws.api_errors import ApiError, ApiResponse, BodyTooLarge, KeyNotForApi
from imgctl.aws.content import Content
from imgctl.aws.errors import AwsError
from imgctl.aws.session import Aws
from imgctl.aws.stack import StackOutputs
from imgctl.aws.storage import StoredObject
from imgctl.core.limits import MEBIBYTE

MAX_BYTES = 10 * MEBIBYTE
"""API Gateway's limit on a payload (API Gateway Developer Guide, "Quotas")."""

TOTAL_S = 60.0
"""How long one upload may take with its retries; no retry begins after that."""

_LONGEST_PAUSE_S = 8.0
_PARALLEL = 8
"""Each request is in memory as a whole, and the API's own limit is low by default."""


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
    limit: AdaptiveLimit = field(default_factory=lambda: AdaptiveLimit(_PARALLEL))
    total_s: float = TOTAL_S
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def put(self, key: str, content: Content) -> StoredObject:
        """Store an object of the source bucket; S3 verifies the hash.

        Raises KeyNotForApi or BodyTooLarge before anything is sent, ApiAccessDenied if every other
        file would be refused as well, and ApiError for any other failure.
        """
        if problem := api_errors.key_problem(key):
            raise KeyNotForApi(f"The key {key!r} {problem}.", hint="Use --via s3.")
        if content.size > MAX_BYTES:
            raise BodyTooLarge(413, "The file is larger than 10 MB, the limit of API Gateway.")
        deadline_s = self.clock() + self.total_s
        for attempt in count(1):
            with self.limit.slot() as slot:
                response = self.aws.http.send(self._request(key, content))
                if response.status_code in BUSY_STATUSES:
                    self.limit.throttled(slot)
                else:
                    self.limit.succeeded()
            headers = {name.lower(): value for name, value in response.headers.items()}
            if response.status_code == 200:
                version_id = headers.get("x-amz-version-id", "")
                return StoredObject(self.bucket, key, version_id, headers.get("etag", ""))
            text = response.content.decode("utf-8", errors="replace")
            error = api_errors.error_of(
                ApiResponse(response.status_code, headers, text),
                api_errors.Caller(signs=self.signs, has_key=bool(self.key)),
            )
            pause_s = min(backoff_s(attempt), _LONGEST_PAUSE_S)
            if not _is_retried(error, attempt) or self.clock() + pause_s > deadline_s:
                raise error
            self.sleep(pause_s)
        raise AssertionError  # count() does not end

    def _request(self, key: str, content: Content) -> AWSPreparedRequest:
        """Return a signed request.

        Slashes in the key are sent as %2F, because the API's route has one path segment for the
        key.
        """
        checksum = content.checksum  # reads the file
        request = AWSRequest(
            method="PUT",
            url=f"{self.endpoint}/{self.bucket}/{quote(key, safe='')}",
            headers={"Content-Type": content.content_type, "x-amz-checksum-sha256": checksum},
            data=content.rewound().read(),
        )
        if self.key:
            request.headers["x-api-key"] = self.key
        if self.signs:
            SigV4Auth(self.aws.credentials, "execute-api", self.aws.region).add_auth(request)
        return request.prepare()


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
