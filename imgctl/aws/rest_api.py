"""The stack's REST API, as one of its callers."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from imgctl.aws.errors import AwsError
from imgctl.aws.session import Aws
from imgctl.aws.stack import StackOutputs
from imgctl.aws.storage import SHA256_METADATA, StoredObject
from imgctl.core.limits import MEBIBYTE

MAX_BYTES = 10 * MEBIBYTE
"""API Gateway's limit on a payload (API Gateway Developer Guide, "Quotas")."""


@dataclass(frozen=True, slots=True)
class Api:
    """The API, and by what its caller is known: a signature, its key, or nothing."""

    aws: Aws
    endpoint: str
    bucket: str
    signs: bool
    key: str = ""

    def put(self, key: str, path: Path, *, sha256: str, content_type: str) -> StoredObject:
        """Store a file as an object of the source bucket.

        A folder in the key travels as %2F, because the API's route takes one segment. Raises
        AwsError for any answer but 200.
        """
        request = AWSRequest(
            method="PUT",
            url=f"{self.endpoint}/{self.bucket}/{quote(key, safe='')}",
            headers={"Content-Type": content_type, f"x-amz-meta-{SHA256_METADATA}": sha256},
            data=path.read_bytes(),
        )
        if self.key:
            request.headers["x-api-key"] = self.key
        if self.signs:
            SigV4Auth(self.aws.credentials, "execute-api", self.aws.region).add_auth(request)
        answer = self.aws.http.send(request.prepare())
        if answer.status_code != 200:
            text = answer.content.decode("utf-8", errors="replace")
            raise AwsError(
                f"The API answered {answer.status_code}: {_message_in(text)}",
                hint="Read the API's log, and check the permissions of its role.",
            )
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return StoredObject(
            self.bucket, key, headers.get("x-amz-version-id", ""), headers.get("etag", "")
        )


def open_api(aws: Aws, outputs: StackOutputs) -> Api:
    """Give the stack's API, with what it asks of its callers."""
    signs = outputs.api_authorization == "iam"
    key = ""
    if outputs.api_key_id:
        key = aws.apigateway.get_api_key(apiKey=outputs.api_key_id, includeValue=True)["value"]
    return Api(aws, outputs.api_endpoint, outputs.source_bucket, signs, key)


def _message_in(answer: str) -> str:
    """Take the sentence out of API Gateway's JSON or S3's XML error."""
    for before, after in (("<Message>", "</Message>"), ('"message":"', '"'), ('"message": "', '"')):
        _, found, rest = answer.partition(before)
        if found:
            return rest.partition(after)[0]
    return answer.strip()[:200] or "no reason was given"
