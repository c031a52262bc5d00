"""URLs that let whoever has them download a result, or upload an original, for some time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from imgctl.aws import records, storage
from imgctl.aws.session import Aws
from imgctl.aws.stack import StackOutputs
from imgctl.core.errors import Hint, ImgctlError, InvalidInput
from imgctl.core.keys import MAX_KEY_BYTES
from imgctl.core.record import Record, Status
from imgctl.operations.key_spelling import composed, recorded_key


class NoResult(ImgctlError):
    """There is no object that a URL could be for."""

    code = "no_result"


@dataclass(frozen=True, slots=True)
class Validity:
    """From when on, and for how many seconds, a URL is wanted to be valid."""

    seconds: int
    begins: datetime


@dataclass(frozen=True, slots=True)
class PresignedUrl:
    """A URL, the object and the HTTP method that it is for, and until when it is valid.

    `is_cut` if the credentials that signed it expire before the time that was asked for, and
    `may_be_cut` if they are temporary, and nobody said until when.
    """

    url: str
    method: Literal["GET", "PUT"]
    bucket: str
    key: str
    expires: datetime
    is_cut: bool = False
    may_be_cut: bool = False


def presign_put(aws: Aws, outputs: StackOutputs, key: str, validity: Validity) -> PresignedUrl:
    """Return a URL for uploads of one key to the source bucket, in Unicode's composed form (NFC).

    Whoever has it may upload any content of any size up to 5 GB, and repeatedly until it expires.
    Raises InvalidInput for a key under which no image can be stored.
    """
    key = composed(key)
    if not key or key.endswith("/") or len(key.encode()) > MAX_KEY_BYTES:
        raise InvalidInput(
            f"The key {key!r} cannot be that of an image.",
            hint=f"Use a name of at most {MAX_KEY_BYTES} bytes that does not end in a slash.",
        )
    return _presign(aws, "put_object", outputs.source_bucket, key, validity)


def presign_original(aws: Aws, outputs: StackOutputs, key: str, validity: Validity) -> PresignedUrl:
    """Return a URL for downloads of an original. Raises NoResult if there is none."""
    if key and storage.head_object(aws.s3, outputs.source_bucket, key) is None:
        key = composed(key)
    _check_exists(aws, outputs.source_bucket, key)
    return _presign(aws, "get_object", outputs.source_bucket, key, validity)


def presign_result(
    aws: Aws, outputs: StackOutputs, key: str, validity: Validity, *, rendition: str
) -> PresignedUrl:
    """Return a URL for downloads of the result of a key's newest upload.

    `rendition` names one of several results; empty for the first. Raises NoResult if there is none.
    """
    key = recorded_key(aws.dynamodb, outputs.table, key)
    record = next(records.of_key(aws.dynamodb, outputs.table, key), None)
    if record is None:
        raise NoResult(f"No record of {key}.", hint=Hint("{} lists the records.", "history"))
    result_key = output_of(record, rendition)
    bucket = record.resized_bucket or outputs.destination_bucket
    _check_exists(aws, bucket, result_key)
    return _presign(aws, "get_object", bucket, result_key, validity)


def output_of(record: Record, rendition: str) -> str:
    """Return the key of a record's output: of a rendition, or of the first for an empty name.

    Raises NoResult if the record has no output, or none of that name.
    """
    if record.status is not Status.SUCCEEDED or not record.outputs:
        reason = record.failure_reason or record.status.value
        raise NoResult(f"There is no result of {record.original_object_key}: {reason}")
    if not rendition:
        return record.outputs[0].key
    by_name = {output.name: output.key for output in record.outputs}
    if rendition not in by_name:
        names = ", ".join(filter(None, by_name))
        raise NoResult(
            f"{record.original_object_key} has no rendition {rendition!r}.",
            hint=f"It has {names}." if names else "It has one result: leave out --rendition.",
        )
    return by_name[rendition]


def _check_exists(aws: Aws, bucket: str, key: str) -> None:
    if not key or storage.head_object(aws.s3, bucket, key) is None:
        raise NoResult(
            f"There is no object {key} in {bucket}.",
            hint=Hint("{} names what is missing.", "audit"),
        )


def _presign(aws: Aws, operation: str, bucket: str, key: str, validity: Validity) -> PresignedUrl:
    parameters = {"Bucket": bucket, "Key": key}
    url = aws.s3_presigner.generate_presigned_url(operation, parameters, ExpiresIn=validity.seconds)
    wanted = validity.begins + timedelta(seconds=validity.seconds)
    end = aws.credentials_end
    is_temporary = bool(aws.credentials.token)
    return PresignedUrl(
        url=url,
        method="PUT" if operation == "put_object" else "GET",
        bucket=bucket,
        key=key,
        expires=wanted if end is None else min(wanted, end),
        is_cut=end is not None and end < wanted,
        may_be_cut=is_temporary and end is None,
    )
