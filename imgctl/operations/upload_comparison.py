"""Whether a key already holds a file's content, with as few requests as that takes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from imgctl.aws.content import Content
from imgctl.aws.errors import PermissionMissing, translate
from imgctl.aws.existing_objects import ExistingObject, find_object, list_existing
from imgctl.operations.upload_keys import UploadFile, key_problem

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_FEW = 8
"""The keys of so many files are asked for one by one, at once; those of more are listed."""


@dataclass(frozen=True, slots=True)
class Job:
    """A file, and what its key holds; `is_asked` tells whether that is known."""

    file: UploadFile
    existing: ExistingObject | None = None
    is_asked: bool = False


def jobs(
    s3: "S3Client", bucket: str, files: Sequence[UploadFile], on_note: Callable[[str], None]
) -> Iterator[Job]:
    """Yield the files, with what their keys hold as far as a listing tells.

    `on_note` is called if the caller may not list the bucket.
    """
    if len(files) <= _FEW:
        yield from map(Job, files)
        return
    yield from (Job(file) for file in files if key_problem(file.key))
    listed = [file for file in files if not key_problem(file.key)]
    listed.sort(key=lambda file: file.key.encode())
    existing = list_existing(s3, bucket, [file.key for file in listed])
    number = 0
    try:
        for number, file in enumerate(listed):  # noqa: B007 (used below)
            yield Job(file, next(existing), is_asked=True)
    except ClientError as error:
        if not isinstance(denied := translate(error), PermissionMissing):
            raise
        on_note(f"{denied.message} Each key is asked for instead.")
        yield from map(Job, listed[number:])


def compared(
    s3: "S3Client", bucket: str, job: Job, content: Content
) -> tuple[ExistingObject | None, bool]:
    """Return what the key of a file holds, and whether that is this content."""
    existing = job.existing
    is_same = None if existing is None else has_content(existing, content)
    if not job.is_asked or (existing is not None and is_same is None):
        existing = find_object(s3, bucket, job.file.key)
        is_same = None if existing is None else has_content(existing, content)
    return existing, bool(is_same)


def has_content(existing: ExistingObject, content: Content) -> bool | None:
    """Return whether an object has this content; None if its hash has to be asked for.

    The same MD5 proves it, because nobody can make another file of a given MD5. S3 computed it, and
    for an object that has another kind of ETag there is the SHA-256 that S3 verified.
    """
    if existing.size != content.size:
        return False
    if existing.sha256 is not None:
        return existing.sha256 == content.checksum
    return True if existing.md5 == content.md5 else None
