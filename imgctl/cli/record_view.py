"""One record as a person reads it: the images side by side, and what a failure means."""

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgctl.cli.image_documents import record_document
from imgctl.cli.layout import Grid, wrapped
from imgctl.cli.tables import STATUS_STYLES, pairs_grid, record_grid
from imgctl.cli.text import local_time, printable, size_text
from imgctl.core.errors import Hint
from imgctl.core.record import Record, Status

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True, slots=True)
class FailureText:
    """What a failure code means, and what to do about it."""

    meaning: str
    hint: Hint


FAILURES = {
    "not_an_image": FailureText(
        "The content is not in any known image format.",
        Hint("Upload an image under this key, or run {} to accept it.", "audit --acknowledge KEY"),
    ),
    "unsupported_format": FailureText(
        "The format is known, but not processed.",
        Hint("Convert the image to JPEG, PNG or WebP, and upload it again."),
    ),
    "too_large": FailureText(
        "The image exceeds a limit on size, pixels or memory.",
        Hint("Upload a smaller one. For more memory, raise the setting `memory_mb` and run {}.",
             "reprocess KEY"),
    ),
    "too_slow": FailureText(
        "Resizing the image takes longer than the limit.",
        Hint("Raise the settings `timeout_s` or `memory_mb`, run {}, then {}.", "deploy",
             "reprocess KEY"),
    ),
    "truncated": FailureText(
        "The file is incomplete.", Hint("Upload the complete file again.")
    ),
    "damaged": FailureText(
        "The content cannot be decoded.",
        Hint("Open the original in an image editor. If that works, save it, and upload it again."),
    ),
    "gone": FailureText(
        "The object was deleted or replaced before it was processed.",
        Hint("Nothing needs to be done. {} shows what happened to the key since.", "trace KEY"),
    ),
    "archived": FailureText(
        "The object is in an archive storage class.",
        Hint("Restore the object in S3, then run {}.", "reprocess KEY"),
    ),
    "customer_encrypted": FailureText(
        "The object is encrypted with a key that only its uploader has (SSE-C).",
        Hint("Upload it again without SSE-C."),
    ),
    "wrong_bucket": FailureText(
        "The event is about a bucket other than the source bucket.",
        Hint("Remove the function from the notifications of that bucket."),
    ),
    "access_denied": FailureText(
        "The function's role lacks a permission.",
        Hint("Run {}, then {}. Check the bucket's and the key's policies.", "deploy --plan",
             "reprocess KEY"),
    ),
}  # fmt: skip
"""By failure code; docs/reference/records.md lists the same."""


@dataclass(frozen=True, slots=True)
class RecordView:
    """A record on a terminal; in a pipe, its attributes line by line. `program` runs imgctl."""

    record: Record
    program: str

    def rendered(self, width: int) -> "RenderableType":
        """Return the form for a terminal."""
        from rich.console import Group
        from rich.text import Text

        record = self.record
        head = Text.assemble(
            (printable(record.original_object_key or record.resource_id), "bold"),
            "  ",
            (record.status.value, STATUS_STYLES[record.status]),
        )
        failure = [Text(self._failure(width))] if record.status is Status.FAILED else []
        grids = (grid.rendered(width) for grid in (_images(record), _facts(record)))
        return Group(head, *failure, "", *(part for grid in grids for part in (grid, "")))

    def lines(self) -> str:
        """Return the form for a pipe."""
        return record_grid(record_document(self.record)).lines()

    def _failure(self, width: int) -> str:
        record = self.record
        known = FAILURES.get(record.failure_code or "")
        texts = [f"{record.failure_code}: {record.failure_reason}"]
        if known is not None:
            texts.append(known.meaning)
        if record.failure_hint:
            texts.append(record.failure_hint)
        if known is not None and (known.hint.commands or not record.failure_hint):
            key = shlex.quote(record.original_object_key or "")
            texts.append(known.hint.render(self.program).replace("KEY`", f"{key}`"))
        return wrapped("\n".join(printable(text) for text in dict.fromkeys(texts)), width)


def _images(record: Record) -> Grid:
    from rich.text import Text

    original = (
        "original",
        _dimensions(record.original_width, record.original_height),
        record.original_format or "",
        _bytes(record.original_file_size or record.original_size),
        "",
        record.original_object_key or "",
    )
    outputs = [
        (
            output.name or "resized",
            _dimensions(output.width, output.height),
            output.format or "",
            _bytes(output.file_bytes),
            _change(record.original_file_size, output.file_bytes),
            output.key,
        )
        for output in record.outputs
    ]
    rows = [[Text(printable(cell)) for cell in row] for row in (original, *outputs)]
    columns = ("image", "pixels", "format", "size", "saved", "key")
    return Grid(columns, rows, title="image", optional=("saved",))


def _facts(record: Record) -> Grid:
    steps = (
        ("download", record.fetch_ms),
        ("resize", record.resize_ms),
        ("store", record.store_ms),
    )
    durations = ", ".join(f"{name} {ms} ms" for name, ms in steps if ms is not None)
    mode = record.original_mode or ""
    if record.resized_mode and record.resized_mode != mode:
        mode += f" → {record.resized_mode}"
    facts = [
        ("Uploaded", local_time(record.event_time)),
        ("Processed", local_time(record.processing_time)),
        ("Duration", durations),
        ("Color mode", mode),
        ("Frames", str(record.frames) if (record.frames or 1) > 1 else ""),
        ("Notes", record.notes or ""),
        ("Superseded by", record.superseded_by or ""),
        ("Event", record.event_type or ""),
        ("Buckets", " → ".join(filter(None, (record.original_bucket, record.resized_bucket)))),
        ("Version", record.version_id or ""),
        ("SHA-256", record.source_sha256 or ""),
        ("Request", record.request_id or ""),
        ("Record", record.resource_id),
    ]
    return pairs_grid((name, value) for name, value in facts if value)


def _dimensions(width: int | None, height: int | None) -> str:
    return "" if width is None or height is None else f"{width}x{height}"


def _bytes(count: int | None) -> str:
    return "" if count is None else size_text(count)


def _change(before: int | None, after: int | None) -> str:
    return "" if not before or after is None else f"{1 - after / before:.0%}"
