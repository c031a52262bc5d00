"""The JSON documents about images and their records; see `documents`."""

from typing import Annotated, Literal, NotRequired, Required, TypedDict, cast

from imgctl.core.record import Record, to_plain


class RecordedRenditionDocument(TypedDict):
    """One rendition of an upload."""

    name: str
    key: Annotated[str, "key of the output; its path for `resize`"]
    width: Annotated[int, "pixels"]
    height: Annotated[int, "pixels"]
    format: str
    bytes: int
    settings: Annotated[str, "identifies how it was made"]
    quality: NotRequired[Annotated[int, "of the encoder, where the format has one"]]
    notes: NotRequired[Annotated[str, "what could not be preserved"]]


RecordDocument = TypedDict(
    "RecordDocument",
    {
        "resource-id": Required[Annotated[str, "ID of the record"]],
        "Status": Required[Annotated[str, "SUCCEEDED, FAILED, SUPERSEDED or UNKNOWN"]],
        "EventTime": Annotated[str, "time of the upload's event"],
        "EventType": Annotated[str, "such as `ObjectCreated:Put`"],
        "EventSource": str,
        "EventVersion": str,
        "AWSRegion": str,
        "OriginalBucket": str,
        "OriginalObjectKey": Annotated[str, "key of the original; its path for `resize`"],
        "OriginalSize": Annotated[int, "bytes, as the event says"],
        "OriginalWidth": Annotated[int, "pixels"],
        "OriginalHeight": Annotated[int, "pixels"],
        "OriginalFormat": Annotated[str, "such as `JPEG`"],
        "OriginalMode": Annotated[str, "Pillow's mode, such as `RGB`"],
        "OriginalFileSize": Annotated[int, "bytes"],
        "ResizedBucket": str,
        "ResizedObjectKey": Annotated[str, "key of the output; its path for `resize`"],
        "ResizedWidth": Annotated[int, "pixels"],
        "ResizedHeight": Annotated[int, "pixels"],
        "ResizedFormat": str,
        "ResizedMode": str,
        "ResizedFileSize": Annotated[int, "bytes"],
        "ProcessingTime": Annotated[str, "ISO 8601, UTC"],
        "ReductionPercentage": Annotated[int, "bytes saved, in percent"],
        "DimensionReduction": Annotated[str, "such as `4000x3000 → 2000x1500`"],
        "Frames": int,
        "Notes": Annotated[str, "what could not be preserved"],
        "FailureCode": Annotated[str, "stable code of the error"],
        "FailureReason": str,
        "FailureHint": str,
        "VersionId": str,
        "ETag": str,
        "Sequencer": str,
        "SupersededBy": Annotated[str, "ID of the newer upload's record"],
        "SourceSha256": str,
        "FetchMs": int,
        "ResizeMs": int,
        "StoreMs": int,
        "RequestId": str,
        "Renditions": Annotated[
            list[RecordedRenditionDocument],
            "each output, where the stack has renditions; the fields above are those of the first",
        ],
    },
    total=False,
)


class UploadedFile(TypedDict):
    """One file of `imgctl upload`."""

    path: str
    key: str
    outcome: Annotated[Literal["uploaded", "skipped", "failed", "timed_out"], "what happened"]
    version_id: NotRequired[Annotated[str, "version of the stored object"]]
    replaced: NotRequired[Annotated[bool, "true if the key held other content before"]]
    reason: NotRequired[Annotated[str, "why it failed"]]
    record: NotRequired[Annotated[RecordDocument, "the function's record; not with `--no-wait`"]]


class UploadTotals(TypedDict):
    """Files by outcome."""

    uploaded: int
    skipped: int
    failed: int
    timed_out: int


class LeftOutFile(TypedDict):
    """A file or folder within a named folder that was not worked on."""

    path: str
    reason: str
    failed: Annotated[bool, "whether it could not be read; the command then exits with 1"]


class PreviewedUpload(TypedDict):
    """One file of `imgctl upload --dry-run`."""

    path: str
    key: str


class UploadPreviewDocument(TypedDict):
    """`imgctl upload --dry-run`."""

    files: list[PreviewedUpload]
    left_out: list[LeftOutFile]


class UploadDocument(TypedDict):
    """`imgctl upload`."""

    files: list[UploadedFile]
    waited: Annotated[bool, "whether the results were waited for; false with `--no-wait`"]
    left_out: list[LeftOutFile]
    totals: UploadTotals


class ResizeTotals(TypedDict):
    """Files by outcome."""

    resized: int
    skipped: int
    failed: int


class ResizeDocument(TypedDict):
    """`imgctl resize`."""

    records: Annotated[list[RecordDocument], "as the function stores them, one per file"]
    skipped: Annotated[list[str], "paths of the files whose results existed already"]
    left_out: list[LeftOutFile]
    totals: ResizeTotals


class PreviewedResize(TypedDict):
    """One file of `imgctl resize --dry-run`."""

    path: str
    result: Annotated[str, "path of the result"]
    action: Annotated[
        Literal["resize", "skip", "compare", "refuse"],
        "what would happen; `compare` if a result exists, which stays only if it is identical",
    ]
    reason: Annotated[str, "why it would be refused; else empty"]


class ResizePreviewDocument(TypedDict):
    """`imgctl resize --dry-run`."""

    files: list[PreviewedResize]
    left_out: list[LeftOutFile]


class DemoDocument(TypedDict):
    """`imgctl demo`."""

    records: list[RecordDocument]
    files: Annotated[list[str], "paths of the resized images"]
    report: Annotated[str, "path of the report, an HTML file"]


class HistoryDocument(TypedDict):
    """`imgctl history`."""

    records: Annotated[list[RecordDocument], "newest first"]
    next: Annotated[str | None, "cursor for `--after`; null if there are no more records"]


class ReportDocument(TypedDict):
    """`imgctl history --html FILE`."""

    path: Annotated[str, "path of the report"]
    records: Annotated[int, "records in it"]
    next: Annotated[str | None, "cursor for `--after`; null if there are no more records"]


class GalleryDocument(TypedDict):
    """`imgctl gallery`."""

    url: Annotated[str, "address of the page, with the token"]


class ShowDocument(TypedDict):
    """`imgctl show`."""

    record: RecordDocument


class StatsGroup(TypedDict):
    """Some images, counted."""

    images: int
    statuses: Annotated[dict[str, int], "images by status"]
    failures: Annotated[dict[str, int], "failed images by failure code"]
    original_bytes: Annotated[int, "of the images that succeeded"]
    output_bytes: Annotated[int, "of all outputs"]
    saved_bytes: Annotated[int, "negative if the outputs are larger"]
    duration_ms: Annotated[
        dict[str, int | None],
        "`p50`, `p90` and `p99` of download, resize and upload together, exact to 2 percent;"
        " null if none is recorded",
    ]


class StatsDocument(TypedDict):
    """`imgctl stats`."""

    all: Annotated[StatsGroup, "all images"]
    by: Annotated[str, "`day`, `format` or `status`"]
    groups: Annotated[dict[str, StatsGroup], "by day (in the local time zone), format or status"]


class ReindexDocument(TypedDict):
    """`imgctl reindex`."""

    added: Annotated[int, "records that were added to the indexes"]
    unchanged: Annotated[int, "records that needed nothing"]
    timeless: Annotated[int, "records without ProcessingTime, which only a scan lists"]


class DownloadedFile(TypedDict):
    """One file of `imgctl download`."""

    key: Annotated[str, "key of the upload"]
    object: Annotated[str, "key of the object that was downloaded; empty if there is none"]
    path: Annotated[str, "path of the file; empty if there is none"]
    outcome: Literal["downloaded", "skipped", "failed"]
    reason: Annotated[str, "why it failed; else empty"]


class DownloadDocument(TypedDict):
    """`imgctl download`."""

    files: list[DownloadedFile]
    totals: Annotated[dict[str, int], "files by outcome"]


class PresignDocument(TypedDict):
    """`imgctl presign`."""

    url: str
    method: Annotated[Literal["GET", "PUT"], "HTTP method that the URL is for"]
    bucket: str
    key: Annotated[str, "key of the object, which for a result is not that of the original"]
    expires: Annotated[str, "ISO 8601, UTC"]


class AuditFinding(TypedDict):
    """An object with a problem."""

    key: str
    rendition: Annotated[str, "name of the rendition that the problem is with; else empty"]
    version_id: str
    problem: Annotated[
        Literal[
            "pending",
            "never_processed",
            "failed",
            "output_missing",
            "output_gone",
            "output_stale",
            "output_outdated",
            "object_gone",
        ],
        "see the guarantees",
    ]
    reason: str
    acknowledged: Annotated[bool, "whether it may stay as it is"]


class AuditDocument(TypedDict):
    """`imgctl audit`."""

    findings: list[AuditFinding]
    totals: Annotated[
        dict[str, int], "`objects` checked, findings by problem, and those `acknowledged`"
    ]


class AcknowledgeDocument(TypedDict):
    """`imgctl audit --acknowledge KEY`."""

    acknowledged: Annotated[list[str], "keys"]


class ReprocessedObject(TypedDict):
    """One object of `imgctl reprocess`."""

    key: str
    outcome: Annotated[str, "its record's status in lowercase, or `unknown`"]
    reason: Annotated[str, "why it failed; else empty"]


class ReprocessDocument(TypedDict):
    """`imgctl reprocess`."""

    objects: list[ReprocessedObject]
    totals: Annotated[dict[str, int], "objects by outcome"]
    cursor: Annotated[str, "the last key, for `--after`"]


class ReprocessJobDocument(TypedDict):
    """`imgctl reprocess --batch`."""

    job: Annotated[str | None, "ID of the S3 Batch Operations job; null if nothing was selected"]
    objects: Annotated[int, "objects in its manifest"]


class DeadLetterDocument(TypedDict):
    """One event of `imgctl redrive`."""

    request_id: str
    sent: Annotated[str, "ISO 8601, UTC"]
    keys: Annotated[list[str], "objects of the event"]
    cause: Annotated[str, "why the function could not finish it"]
    outcome: Literal["waiting", "replayed", "failed"]
    reason: Annotated[str, "what it failed with now"]


class RedriveDocument(TypedDict):
    """`imgctl redrive`."""

    letters: list[DeadLetterDocument]
    totals: Annotated[dict[str, int], "events by outcome"]


def record_document(record: Record) -> RecordDocument:
    """Return a record under the names of its attributes, without those that are not set."""
    return cast("RecordDocument", to_plain(record))
