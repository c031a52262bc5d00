"""The JSON documents that commands print with --json.

docs/reference/json.md is generated from them, with their descriptions. `Ui.result` adds the key
`schema` to each document.
"""

from typing import Annotated, TypeAlias, TypedDict

from imgctl.cli.erase_documents import EraseDocument
from imgctl.cli.image_documents import (
    AcknowledgeDocument,
    AuditDocument,
    DemoDocument,
    DownloadDocument,
    GalleryDocument,
    HistoryDocument,
    PresignDocument,
    RedriveDocument,
    ReindexDocument,
    ReportDocument,
    ReprocessDocument,
    ReprocessJobDocument,
    ResizeDocument,
    ResizePreviewDocument,
    ShowDocument,
    StatsDocument,
    UploadDocument,
    UploadPreviewDocument,
)
from imgctl.cli.operating_documents import (
    CostDocument,
    DashboardDocument,
    InvokeDocument,
    LogLineDocument,
    OutputsDocument,
    StatusDocument,
)
from imgctl.cli.stack_documents import (
    DeployDocument,
    DestroyDocument,
    DoctorDocument,
    LiveDocument,
    LocalLogsDocument,
    LocalResetDocument,
    LocalRunningDocument,
    LocalStartDocument,
    LocalStopDocument,
    LocalStoppedDocument,
    PackageDocument,
    PlanDocument,
    PolicyDocument,
    RollbackDocument,
    TemplateDocument,
    VersionsDocument,
)
from imgctl.cli.trace_documents import TraceDocument

SCHEMA = 1
"""The version of every document: it changes when a key is removed or changes its meaning."""


class InitDocument(TypedDict):
    """`imgctl init`."""

    path: Annotated[str, "the file that was written"]


class ConfigSetting(TypedDict):
    """One setting."""

    value: Annotated[
        str | int | bool | list[dict[str, str | int]] | dict[str, str] | None,
        "tables for `renditions`, and one for `tags`",
    ]
    origin: Annotated[str, "an option, a variable, a file with its line, or `default`"]


class ConfigDocument(TypedDict):
    """`imgctl config`."""

    file: Annotated[str | None, "settings file in use"]
    settings: Annotated[dict[str, ConfigSetting], "by name"]


class CompletionDocument(TypedDict):
    """`imgctl completion`."""

    shell: str
    script: str


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
    | UploadPreviewDocument
    | ResizeDocument
    | ResizePreviewDocument
    | DemoDocument
    | HistoryDocument
    | ReportDocument
    | GalleryDocument
    | ShowDocument
    | StatsDocument
    | ReindexDocument
    | DownloadDocument
    | PresignDocument
    | TraceDocument
    | AuditDocument
    | AcknowledgeDocument
    | ReprocessDocument
    | ReprocessJobDocument
    | RedriveDocument
    | EraseDocument
    | InitDocument
    | ConfigDocument
    | CompletionDocument
    | PackageDocument
    | PlanDocument
    | PolicyDocument
    | DeployDocument
    | RollbackDocument
    | TemplateDocument
    | DestroyDocument
    | DoctorDocument
    | LiveDocument
    | VersionsDocument
    | StatusDocument
    | OutputsDocument
    | DashboardDocument
    | CostDocument
    | InvokeDocument
    | LogLineDocument
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
    "deploy": (PlanDocument, DeployDocument, RollbackDocument),
    "template": (TemplateDocument,),
    "upload": (UploadDocument, UploadPreviewDocument),
    "history": (HistoryDocument, ReportDocument),
    "gallery": (GalleryDocument,),
    "show": (ShowDocument,),
    "stats": (StatsDocument,),
    "reindex": (ReindexDocument,),
    "download": (DownloadDocument,),
    "trace": (TraceDocument,),
    "presign": (PresignDocument,),
    "resize": (ResizeDocument, ResizePreviewDocument),
    "audit": (AuditDocument, AcknowledgeDocument),
    "reprocess": (ReprocessDocument, ReprocessJobDocument),
    "redrive": (RedriveDocument,),
    "doctor": (DoctorDocument,),
    "status": (StatusDocument,),
    "outputs": (OutputsDocument,),
    "dashboard": (DashboardDocument,),
    "cost": (CostDocument,),
    "logs": (LogLineDocument,),
    "invoke": (InvokeDocument,),
    "erase": (EraseDocument,),
    "package": (PackageDocument,),
    "publish": (LiveDocument,),
    "versions": (VersionsDocument,),
    "rollback": (LiveDocument,),
    "destroy": (DestroyDocument,),
    "policy": (PolicyDocument,),
    "local start": (LocalStartDocument,),
    "local stop": (LocalStopDocument,),
    "local status": (LocalRunningDocument, LocalStoppedDocument),
    "local reset": (LocalResetDocument,),
    "local logs": (LocalLogsDocument,),
    "config": (ConfigDocument,),
    "completion": (CompletionDocument,),
}
"""What each command may print."""
