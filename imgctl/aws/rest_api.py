"""A client of the stack's REST API."""

from dataclasses import dataclass
from urllib.parse import quote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from imgctl.aws.content import Content
from imgctl.aws.errors import AwsError
from imgctl.aws.session import Aws
from imgctl.aws.stack import StackOutputs
from imgctl.aws.storage import StoredObject
from imgctl.core.limits import MEBIBYTE

MAX_BYTES = 10 * MEBIBYTE
"""API Gateway's limit on a payload (API Gateway Developer Guide, "Quotas")."""


@dataclass(frozen=True, slots=True)
class Api:
    """The API, and what its callers authenticate with: a signature, an API key, both or neither."""

    aws: Aws
    endpoint: str
    bucket: str
    signs: bool
    key: str = ""

    def put(self, key: str, content: Content) -> StoredObject:
        """Store an object of the source bucket; S3 verifies the hash.

        Slashes in the key are sent as %2F, because the API's route has one path segment for the
        key. Raises AwsError for any status other than 200.
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
        response = self.aws.http.send(request.prepare())
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
