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
from imgctl.pages.failures import failure_meanings

if TYPE_CHECKING:
    from rich.console import RenderableType


FAILURE_HINTS = {
    "not_an_image": Hint(
        "Upload an image under this key, or run {} to accept it.", "audit --acknowledge KEY"
    ),
    "unsupported_format": Hint("Convert the image to JPEG, PNG or WebP, and upload it again."),
    "too_large": Hint(
        "Upload a smaller one. For more memory, raise the setting `memory_mb` and run {}.",
        "reprocess KEY",
    ),
    "too_slow": Hint(
        "Raise the settings `timeout_s` or `memory_mb`, run {}, then {}.", "deploy", "reprocess KEY"
    ),
    "truncated": Hint("Upload the complete file again."),
    "damaged": Hint(
        "Open the original in an image editor. If that works, save it, and upload it again."
    ),
    "gone": Hint("Nothing needs to be done. {} shows what happened to the key since.", "trace KEY"),
    "archived": Hint("Restore the object in S3, then run {}.", "reprocess KEY"),
    "customer_encrypted": Hint("Upload it again without SSE-C."),
    "wrong_bucket": Hint("Remove the function from the notifications of that bucket."),
    "access_denied": Hint(
        "Run {}, then {}. Check the bucket's and the key's policies.",
        "deploy --plan",
        "reprocess KEY",
    ),
}
"""What to do, by failure code; `failure_meanings` has the same codes."""


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
        code = record.failure_code or ""
        hint = FAILURE_HINTS.get(code)
        texts = [f"{record.failure_code}: {record.failure_reason}"]
        texts.append(failure_meanings().get(code, ""))
        texts.append(record.failure_hint or "")
        if hint is not None and (hint.commands or not record.failure_hint):
            key = shlex.quote(record.original_object_key or "")
            texts.append(hint.render(self.program).replace("KEY`", f"{key}`"))
        shown = (printable(text) for text in dict.fromkeys(texts) if text)
        return wrapped("\n".join(shown), width)


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
