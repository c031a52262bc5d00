"""The emulator's S3, DynamoDB and Lambda, changed so that an error of the disk fails the request.

The emulator logs such an error and acknowledges the request nevertheless. Here the request fails
as in AWS, with a status that clients retry, and what it would have changed is as before.
"""

import json
import logging
import sys
from pathlib import Path
from typing import Any

from ministack.core import responses
from ministack.services import dynamodb, lambda_svc, s3

from imgctl.local import object_files
from imgctl.local.invocations import Handler, Invocations
from imgctl.local.snapshots import Snapshots
from imgctl.local.table_log import LoggedRequest

_FAILURE = "We encountered an internal error. Please try again."
_READING = ("GET", "HEAD", "OPTIONS")

_log = logging.getLogger("imgctl.disk")


def patch(staged: Path, snapshots: Snapshots, invocations: Invocations) -> None:
    """Replace the handlers of the three services; objects are first written to `staged`."""
    invocations.patch()
    s3.handle_request = _handle_s3(s3.handle_request, invocations)
    dynamodb.handle_request = _handle_dynamodb(dynamodb.handle_request, snapshots)
    lambda_svc.handle_request = _handle_lambda(lambda_svc.handle_request)
    s3.logger.addFilter(_raise_disk_error)

    def persist_object(bucket: str, key: str, stored: dict[str, Any]) -> None:
        target = s3._object_disk_path(bucket, key)
        metadata = s3._object_meta_from_record(stored) | s3._key_history_meta(bucket, key)
        object_files.replace(staged, Path(target), stored.get("body"), metadata | {"key": key})
        stored["body"] = None  # it is read from the file
        root = str(Path(s3.DATA_DIR) / responses.get_account_id() / bucket)
        s3._remove_key_files(s3._other_key_disk_path(root, key, target))

    s3._persist_object = persist_object


def _raise_disk_error(record: logging.LogRecord) -> bool:
    """Raise the OSError that the emulator is about to log instead of failing."""
    error = sys.exc_info()[1]
    if record.levelno >= logging.WARNING and isinstance(error, OSError):
        raise error
    return True


def _handle_s3(handle: Handler, invocations: Invocations) -> Handler:
    async def handler(
        method: str, path: str, headers: dict[str, str], *arguments: Any, **named: Any
    ) -> tuple[int, dict[str, str], bytes]:
        try:
            with invocations.of_request():
                return await handle(method, path, headers, *arguments, **named)
        except OSError as error:
            _log.error("S3 %s failed: %s", method, error)
            if method not in _READING:
                _reload_objects(s3._parse_bucket_key(path, headers)[0])
            failure: tuple[int, dict[str, str], bytes]
            failure = s3._error("InternalError", _FAILURE, 500, path)
            return failure

    return handler


def _reload_objects(name: str) -> None:
    """Replace what is in memory about a bucket's objects by what is on disk."""
    account_id = responses.get_account_id()
    bucket = s3._buckets.get(name)
    if bucket is None:
        return
    bucket["objects"].clear()
    stores = (s3._object_versions, s3._object_tags, s3._object_acl, s3._object_annotations)
    for store in stores:
        for scoped in [k for k in store._data if k[0] == account_id and k[1][0] == name]:
            del store._data[scoped]
    folder = Path(s3.DATA_DIR) / account_id / name
    if folder.is_dir():
        s3._load_persisted_bucket(account_id, name, str(folder))


def _handle_dynamodb(handle: Handler, snapshots: Snapshots) -> Handler:
    async def handler(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> tuple[int, dict[str, str], bytes]:
        target = headers.get("x-amz-target", "")
        try:
            snapshots.log_items(
                target.rpartition(".")[2],
                LoggedRequest(
                    responses.get_account_id(),
                    responses.get_region(),
                    target,
                    body.decode(errors="surrogateescape"),
                ),
            )
        except OSError as error:
            _log.error("DynamoDB %s failed: %s", target, error)
            document = {
                "__type": "com.amazonaws.dynamodb.v20120810#InternalServerError",
                "message": _FAILURE,
            }
            headers = {"Content-Type": "application/x-amz-json-1.0"}
            return 500, headers, json.dumps(document).encode()
        return await handle(method, path, headers, body, query)

    return handler


def _handle_lambda(handle: Handler) -> Handler:
    async def handler(*arguments: Any) -> tuple[int, dict[str, str], bytes]:
        try:
            return await handle(*arguments)
        except OSError as error:  # an event cannot be kept
            _log.error("Lambda failed: %s", error)
            headers = {"Content-Type": "application/json", "x-amzn-errortype": "ServiceException"}
            return 500, headers, json.dumps({"Type": "Service", "Message": _FAILURE}).encode()

    return handler
