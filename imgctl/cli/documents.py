"""The JSON documents that commands print with --json; docs/reference/json.md is generated from it.

The descriptions belong to the reference. `Ui.result` adds the key `schema` to each document.
"""

from typing import Annotated, Literal, NotRequired, Required, TypeAlias, TypedDict, cast

from imgctl.core.record import Record, to_plain

SCHEMA = 1
"""The version of every document: it changes when a key is removed or changes its meaning."""

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
    },
    total=False,
)


class UploadedFile(TypedDict):
    """One file of `imgctl upload`."""

    path: str
    key: str
    outcome: Annotated[Literal["uploaded", "skipped", "failed", "timed_out"], "what happened"]
    version_id: NotRequired[Annotated[str, "version of the stored object"]]
    reason: NotRequired[Annotated[str, "why it failed"]]
    record: NotRequired[Annotated[RecordDocument, "the function's record, with `--wait`"]]


class UploadTotals(TypedDict):
    """Files by outcome."""

    uploaded: int
    skipped: int
    failed: int
    timed_out: int


class UploadDocument(TypedDict):
    """`imgctl upload`."""

    files: list[UploadedFile]
    totals: UploadTotals


class ResizeTotals(TypedDict):
    """Files by outcome."""

    resized: int
    failed: int


class ResizeDocument(TypedDict):
    """`imgctl resize`."""

    records: Annotated[list[RecordDocument], "as the function stores them, one per file"]
    totals: ResizeTotals


class DemoDocument(TypedDict):
    """`imgctl demo`."""

    records: list[RecordDocument]
    files: Annotated[list[str], "paths of the resized images"]


class HistoryDocument(TypedDict):
    """`imgctl history`."""

    records: Annotated[list[RecordDocument], "newest first"]


class ShowDocument(TypedDict):
    """`imgctl show`."""

    record: RecordDocument


class AuditFinding(TypedDict):
    """An object with a problem."""

    key: str
    version_id: str
    problem: Literal["never_processed", "failed", "output_gone", "output_stale", "object_gone"]
    reason: str


class AuditDocument(TypedDict):
    """`imgctl audit`."""

    findings: list[AuditFinding]
    totals: Annotated[dict[str, int], "`objects` checked, and findings by problem"]


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


class InitDocument(TypedDict):
    """`imgctl init`."""

    path: Annotated[str, "the file that was written"]


class ConfigSetting(TypedDict):
    """One setting."""

    value: str | int | bool | None
    origin: Annotated[str, "an option, a variable, a file with its line, or `default`"]


class ConfigDocument(TypedDict):
    """`imgctl config`."""

    file: Annotated[str | None, "settings file in use"]
    settings: Annotated[dict[str, ConfigSetting], "by name"]


class PackageDocument(TypedDict):
    """`imgctl package`."""

    path: str
    sha256: str
    zipped_bytes: int
    unzipped_bytes: int
    architecture: Literal["arm64", "x86_64"]
    compiled: Annotated[bool, "whether it contains bytecode"]


class ChangedProperty(TypedDict):
    """One property of a change."""

    name: str
    before: str | None
    after: str | None
    parameter: Annotated[str | None, "the template's parameter that it follows"]


class PlannedChange(TypedDict):
    """One resource of a plan."""

    action: Annotated[str, "Add, Modify, Remove, Import or Dynamic"]
    resource: Annotated[str, "logical ID"]
    type: str
    replacement: Annotated[str, "True, False, Conditional or empty"]
    loses_data: bool
    marks: Annotated[list[str], "data_loss, iam, public_access"]
    kept: Annotated[bool, "whether a removed resource is retained"]
    properties: list[ChangedProperty]


class StackOutputsDocument(TypedDict):
    """The stack's outputs."""

    source_bucket: str
    destination_bucket: str
    table: str
    function: str
    api_endpoint: str
    api_key_id: str | None


class PlanDocument(TypedDict):
    """`imgctl deploy --plan`."""

    stack: str
    changed: Annotated[bool, "always false"]
    changes: list[PlannedChange]
    partial: Annotated[bool, "whether further steps follow"]


class DeployDocument(TypedDict):
    """`imgctl deploy`."""

    stack: str
    changed: bool
    changes: list[PlannedChange]
    outputs: StackOutputsDocument


class UnprovenResourceDocument(TypedDict):
    """A bucket or table with one of the stack's names."""

    name: str
    reason: Annotated[str, "whom it belongs to, as far as that is known"]


class DestroyDocument(TypedDict):
    """`imgctl destroy`."""

    stack: str
    deleted: Annotated[bool, "false if there was no stack"]
    kept: Annotated[list[str], "retained buckets and table"]
    left_alone: Annotated[
        list[UnprovenResourceDocument], "not proven to belong to the stack, and not touched"
    ]


class LiveDocument(TypedDict):
    """`imgctl publish` and `imgctl rollback`."""

    live: Annotated[int, "live version"]
    before: Annotated[int, "version that was live before"]
    changed: bool


class VersionDocument(TypedDict):
    """One version of the function."""

    version: int
    live: bool
    modified: str
    code_sha256: Annotated[str, "in base64, as Lambda shows it"]
    code_bytes: int
    memory_mb: int
    timeout_s: int
    scale: str


class VersionsDocument(TypedDict):
    """`imgctl versions`."""

    live: Annotated[int, "live version"]
    versions: Annotated[list[VersionDocument], "newest first"]


class LocalStartDocument(TypedDict):
    """`imgctl local start`."""

    running: Literal[True]
    url: str
    pid: int


class LocalStopDocument(TypedDict):
    """`imgctl local stop`."""

    running: Literal[False]
    stopped: Annotated[bool, "false if it was not running"]


class LocalRunningDocument(TypedDict):
    """`imgctl local status` of a running embedded AWS."""

    running: Literal[True]
    pid: int
    folder: str
    environment: Annotated[dict[str, str], "variables for other AWS tools"]


class LocalStoppedDocument(TypedDict):
    """`imgctl local status` of a stopped embedded AWS."""

    running: Literal[False]
    folder: str


class LocalResetDocument(TypedDict):
    """`imgctl local reset`."""

    running: Literal[False]
    reset: Literal[True]


class LocalLogsDocument(TypedDict):
    """`imgctl local logs`."""

    path: str
    lines: list[str]


class ErrorDetails(TypedDict):
    """An error."""

    code: Annotated[str, "stable"]
    message: str
    hint: Annotated[str, "what to do next; may be empty"]


class ErrorDocument(TypedDict):
    """An error, on stderr."""

    error: ErrorDetails


class WarningDocument(TypedDict):
    """A warning, on stderr."""

    warning: str


Document: TypeAlias = (
    UploadDocument
    | ResizeDocument
    | DemoDocument
    | HistoryDocument
    | ShowDocument
    | AuditDocument
    | ReprocessDocument
    | ReprocessJobDocument
    | RedriveDocument
    | InitDocument
    | ConfigDocument
    | PackageDocument
    | PlanDocument
    | DeployDocument
    | DestroyDocument
    | LiveDocument
    | VersionsDocument
    | LocalStartDocument
    | LocalStopDocument
    | LocalRunningDocument
    | LocalStoppedDocument
    | LocalResetDocument
    | LocalLogsDocument
)

DOCUMENTS: dict[str, tuple[type, ...]] = {
    "demo": (DemoDocument,),
    "init": (InitDocument,),
    "deploy": (PlanDocument, DeployDocument),
    "upload": (UploadDocument,),
    "history": (HistoryDocument,),
    "show": (ShowDocument,),
    "resize": (ResizeDocument,),
    "audit": (AuditDocument,),
    "reprocess": (ReprocessDocument, ReprocessJobDocument),
    "redrive": (RedriveDocument,),
    "package": (PackageDocument,),
    "publish": (LiveDocument,),
    "versions": (VersionsDocument,),
    "rollback": (LiveDocument,),
    "destroy": (DestroyDocument,),
    "local start": (LocalStartDocument,),
    "local stop": (LocalStopDocument,),
    "local status": (LocalRunningDocument, LocalStoppedDocument),
    "local reset": (LocalResetDocument,),
    "local logs": (LocalLogsDocument,),
    "config": (ConfigDocument,),
}
"""What each command may print."""


def record_document(record: Record) -> RecordDocument:
    """Return a record under the names of its attributes, without those that are not set."""
    return cast("RecordDocument", to_plain(record))
