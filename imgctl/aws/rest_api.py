"""A client of the stack's REST API."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import quote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest

from imgctl.aws.adaptive_limit import BUSY_STATUSES, MAX_ATTEMPTS, AdaptiveLimit, backoff_s
from imgctl.aws.content import Content
from imgctl.aws.errors import AwsError
from imgctl.aws.session import Aws
from imgctl.aws.stack import StackOutputs
from imgctl.aws.storage import StoredObject
from imgctl.core.limits import MEBIBYTE

MAX_BYTES = 10 * MEBIBYTE
"""API Gateway's limit on a payload (API Gateway Developer Guide, "Quotas")."""


_PARALLEL = 8
"""Each request is in memory as a whole, and the API's own limit is low by default."""


@dataclass(frozen=True, slots=True)
class Api:
    """The API, and what its callers authenticate with: a signature, an API key, both or neither."""

    aws: Aws
    endpoint: str
    bucket: str
    signs: bool
    key: str = ""
    limit: AdaptiveLimit = field(default_factory=lambda: AdaptiveLimit(_PARALLEL))
    sleep: Callable[[float], None] = time.sleep

    def put(self, key: str, content: Content) -> StoredObject:
        """Store an object of the source bucket; S3 verifies the hash.

        A request that is throttled or fails for the moment is sent again. Raises AwsError for any
        other status than 200.
        """
        for attempt in count(1):
            with self.limit.slot() as slot:
                response = self.aws.http.send(self._request(key, content))
                if response.status_code in BUSY_STATUSES:
                    self.limit.throttled(slot)
                else:
                    self.limit.succeeded()
            if response.status_code not in BUSY_STATUSES or attempt == MAX_ATTEMPTS:
                break
            self.sleep(backoff_s(attempt))
        if response.status_code != 200:
            text = response.content.decode("utf-8", errors="replace")
            raise AwsError(
                f"The API returned {response.status_code}: {_error_message(text)}",
                hint="Read the API's log and check the permissions of its role.",
            )
        headers = {name.lower(): value for name, value in response.headers.items()}
        return StoredObject(
            self.bucket, key, headers.get("x-amz-version-id", ""), headers.get("etag", "")
        )

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


def open_api(aws: Aws, outputs: StackOutputs) -> Api:
    """Return a client of the stack's API, with the API key if it requires one."""
    signs = outputs.api_authorization == "iam"
    key = ""
    if outputs.api_key_id:
        key = aws.apigateway.get_api_key(apiKey=outputs.api_key_id, includeValue=True)["value"]
    return Api(aws, outputs.api_endpoint, outputs.source_bucket, signs, key)


def _error_message(body: str) -> str:
    """Extract the message from an error of API Gateway (JSON) or S3 (XML)."""
    for start, end in (("<Message>", "</Message>"), ('"message":"', '"'), ('"message": "', '"')):
        _, separator, rest = body.partition(start)
        if separator:
            return rest.partition(end)[0]
    return body.strip()[:200] or "no reason given"
