"""The function's buckets and table in an emulated AWS, and the events that invoke it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote_plus

from imgctl.core import current_record
from imgctl.core.current_record import CurrentRecord
from imgctl.core.limits import Limits
from imgctl.core.record import Record, from_item
from imgctl.core.rendition_tables import parse_renditions
from imgctl.core.renditions import RenditionSet
from imgctl.core.resize import resize_each
from imgctl.core.result import ResizeResult
from imgctl.core.spec import ResizeSpec
from imgctl.worker.events import ObjectCreated
from imgctl.worker.handler import Invocation
from imgctl.worker.resizing import Dependencies
from imgctl.worker.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

SOURCE = "src-bucket-image-in"
DESTINATION = "dest-bucket-image-out"
TABLE = "hala-db"
NOW = datetime(2026, 11, 23, 15, 25, 9, tzinfo=UTC)

DEFAULT = RenditionSet.unnamed("resized-", ResizeSpec())
THREE = parse_renditions(
    [
        {"name": "half", "prefix": "resized-", "scale": 0.5},
        {"name": "web", "prefix": "web/", "fit": "6x6", "format": "webp", "quality": 82},
        # So small that different pictures have the same bytes.
        {"name": "dot", "prefix": "dot/", "cover": "1x1", "format": "gif"},
    ]
)
TWO = RenditionSet(THREE.renditions[::2])  # of which fewer states follow


@dataclass
class Cloud:
    """Two buckets and a table, and what the function needs to use them."""

    s3: "S3Client"
    dynamodb: "DynamoDBClient"
    settings: Settings
    deps: Dependencies
    lines: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def invocation(self) -> Invocation:
        """The context of an invocation that logs into `lines`."""
        return Invocation(
            settings=self.settings,
            deps=self.deps,
            request_id="request-1",
            cold=False,
            log=self.lines.append,
        )

    def put(self, key: str, data: bytes, sequencer: str = "") -> ObjectCreated:
        """Upload an object and return what its event reports."""
        response = self.s3.put_object(Bucket=SOURCE, Key=key, Body=data)
        return ObjectCreated(
            bucket=SOURCE,
            key=key,
            version_id=response.get("VersionId", ""),
            etag=response["ETag"].strip('"'),
            sequencer=sequencer,
            size=len(data),
            event_name="ObjectCreated:Put",
        )

    def records(self) -> list[Record]:
        """Return all records in the table."""
        return self.table()[0]

    def current_records(self) -> list[CurrentRecord]:
        """Return the current record of each key."""
        return self.table()[1]

    def table(self) -> tuple[list[Record], list[CurrentRecord]]:
        """Return all records in the table, and the current record of each key."""
        marked = [(current_record.MARK in item, item) for item in self.items()]
        records = [from_item(item) for is_current, item in marked if not is_current]
        return records, [
            current_record.from_item(item) for is_current, item in marked if is_current
        ]

    def output(self, key: str) -> bytes:
        """Return the content of an output."""
        return self.s3.get_object(Bucket=DESTINATION, Key=key)["Body"].read()

    def output_keys(self) -> list[str]:
        """Return the keys in the destination bucket."""
        response = self.s3.list_objects_v2(Bucket=DESTINATION)
        return [item["Key"] for item in response.get("Contents", [])]

    def clear(self) -> None:
        """Delete all outputs, records and current records."""
        outputs: Any = [{"Key": key} for key in self.output_keys()]
        if outputs:
            self.s3.delete_objects(Bucket=DESTINATION, Delete={"Objects": outputs})
        keys = self.dynamodb.scan(
            TableName=TABLE,
            ProjectionExpression="#id",
            ExpressionAttributeNames={"#id": "resource-id"},
        )["Items"]
        deletions: Any = [{"DeleteRequest": {"Key": key}} for key in keys]
        if deletions:
            self.dynamodb.batch_write_item(RequestItems={TABLE: deletions})

    def head(self, key: str) -> dict[str, Any]:
        """Return what S3 says about an output."""
        return dict(self.s3.head_object(Bucket=DESTINATION, Key=key))

    def items(self) -> list[dict[str, Any]]:
        """Return all items of the table."""
        return list(self.dynamodb.scan(TableName=TABLE)["Items"])


def resize_here(
    source: BinaryIO,
    specs: Sequence[ResizeSpec],
    limits: Limits,
    *,
    timeout_s: float | None = None,  # noqa: ARG001
) -> list[ResizeResult]:
    """Resize without a child process, which is quicker for many tests."""
    return resize_each(source, specs, limits)


def s3_event_for(*objects: ObjectCreated) -> dict[str, Any]:
    """Return the S3 event notification of some uploads."""
    return {
        "Records": [
            {
                "eventName": created.event_name,
                "s3": {
                    "bucket": {"name": created.bucket},
                    "object": {
                        "key": quote_plus(created.key),
                        "versionId": created.version_id,
                        "eTag": created.etag,
                        "sequencer": created.sequencer,
                    },
                },
            }
            for created in objects
        ]
    }


def batch_event_for(*objects: ObjectCreated, schema: str = "2.0") -> dict[str, Any]:
    """Return the S3 Batch Operations event with a task for each object."""
    bucket = {"1.0": "s3BucketArn", "2.0": "s3Bucket"}[schema]
    prefix = {"1.0": "arn:aws:s3:::", "2.0": ""}[schema]
    return {
        "invocationSchemaVersion": schema,
        "invocationId": "invocation-1",
        "job": {"id": "job-1"},
        "tasks": [
            {
                "taskId": f"task-{index}",
                "s3Key": quote_plus(created.key),
                "s3VersionId": created.version_id or None,
                bucket: prefix + created.bucket,
            }
            for index, created in enumerate(objects)
        ],
    }
