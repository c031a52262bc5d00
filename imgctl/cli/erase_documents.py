"""The JSON document of `imgctl erase`; see `documents`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal, TypedDict

if TYPE_CHECKING:
    from imgctl.operations.erase import Erased
    from imgctl.operations.erase_remains import NamingLetters
    from imgctl.operations.erase_scope import KeyContent, LeftObject


class FoundVersion(TypedDict):
    """A version of an object, a delete marker, or an unfinished multipart upload."""

    bucket: str
    key: str
    kind: Literal["version", "delete_marker", "unfinished_upload"]
    version_id: Annotated[str, "`null` without one; the ID of an unfinished upload"]


class LeftVersion(TypedDict):
    """A version that was not deleted."""

    bucket: str
    key: str
    version_id: str
    reason: str
    problem: Annotated[
        Literal["refused", "unproven", "another_key", "uploaded_later"],
        "all but `another_key` make the erasure incomplete",
    ]


class ErasedKey(TypedDict):
    """One spelling of the key."""

    key: str
    objects: Annotated[list[FoundVersion], "what was found, at first and meanwhile"]
    records: Annotated[list[str], "IDs of the records that were found"]
    deleted_objects: int
    deleted_records: int
    kept_records: Annotated[int, "kept because an object was refused: they prove whose it is"]
    left: list[LeftVersion]
    complete: Annotated[bool, "whether nothing was left that belongs to the key, or that may"]


class EraseDocument(TypedDict):
    """`imgctl erase`."""

    dry_run: bool
    complete: Annotated[bool, "false for a dry run that found something"]
    keys: Annotated[list[ErasedKey], "each spelling that looks the same; empty for nothing"]
    dead_letters: Annotated[int | None, "events in the queue that name the key; null: not known"]
    remains: Annotated[list[str], "what cannot be erased, and for how long it lasts"]


def erase_document(
    contents: "Sequence[KeyContent]",
    results: "Sequence[Erased] | None",
    letters: "NamingLetters",
    remains: Sequence[str],
) -> EraseDocument:
    """Return the document; `results` of the same order as `contents`, None for a dry run."""
    done = [None] * len(contents) if results is None else results
    keys = [_erased_key(*pair) for pair in zip(contents, done, strict=True)]
    return {
        "dry_run": results is None,
        "complete": all(key["complete"] for key in keys),
        "keys": keys,
        "dead_letters": None if letters.error else letters.count,
        "remains": list(remains),
    }


def _erased_key(content: "KeyContent", result: "Erased | None") -> ErasedKey:
    if result is not None:
        content = replace(result.content, left=content.left)
    left = [_left(item) for item in content.left if not item.is_unproven]
    unproven = content.unproven if result is None else result.unproven
    left += [_left(item) for item in unproven]
    if result is not None:
        left += [
            {
                "bucket": one.bucket,
                "key": one.key,
                "version_id": one.version_id,
                "reason": one.reason,
                "problem": "refused",
            }
            for one in result.refused
        ]
        left += [
            {
                "bucket": one.bucket,
                "key": one.key,
                "version_id": one.version_id,
                "reason": "uploaded since",
                "problem": "uploaded_later",
            }
            for one in result.later
        ]
    return {
        "key": content.key,
        "objects": _objects(content),
        "records": [record.resource_id for record in content.records],
        "deleted_objects": 0 if result is None else result.objects,
        "deleted_records": 0 if result is None else result.records,
        "kept_records": 0 if result is None else result.kept_records,
        "left": left,
        "complete": False if result is None else result.is_complete,
    }


def _objects(content: "KeyContent") -> list[FoundVersion]:
    found: list[FoundVersion] = [
        {
            "bucket": version.bucket,
            "key": version.key,
            "kind": "delete_marker" if version.is_marker else "version",
            "version_id": version.version_id,
        }
        for version in (*content.originals, *content.outputs)
    ]
    found += [
        {
            "bucket": content.source_bucket,
            "key": upload.key,
            "kind": "unfinished_upload",
            "version_id": upload.upload_id,
        }
        for upload in content.unfinished
    ]
    return found


def _left(item: "LeftObject") -> LeftVersion:
    return {
        "bucket": item.version.bucket,
        "key": item.version.key,
        "version_id": item.version.version_id,
        "reason": item.reason,
        "problem": "unproven" if item.is_unproven else "another_key",
    }
