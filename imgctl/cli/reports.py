"""Reports of records with their images, each one HTML file that opens without a network."""

import os
from collections import Counter
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from imgctl.aws.record_index import Position
from imgctl.cli.app import App
from imgctl.cli.errors import FileError
from imgctl.cli.image_documents import ReportDocument
from imgctl.cli.record_listing import continuation, limit_of
from imgctl.cli.text import printable, size_text
from imgctl.cli.ui import counted
from imgctl.core.record import Record, timestamp
from imgctl.operations.history import RecordQuery, find_records
from imgctl.operations.record_spool import RecordSpool, spooled
from imgctl.operations.resize_plan import OutputExists
from imgctl.operations.thumbnails import Download, ThumbnailMaker
from imgctl.output_files import new_file_mode, output_file
from imgctl.pages.entries import Entry
from imgctl.pages.report import ReportHeading, write_report

_ASK_BYTES = 1_000_000_000  # ten US cents where data transfer costs most
_TELL_BYTES = 50_000_000


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """Where a report is written; `overwrite` replaces a file, `thumbnails` shows the images."""

    path: Path
    overwrite: bool = False
    thumbnails: bool = True


def report_history(app: App, query: RecordQuery, limit: int | None, options: ReportOptions) -> int:
    """Write a report of the records that a query finds, and return the exit code."""
    check_path(options)
    limit = limit_of(query, limit)
    found = find_records(app.aws.dynamodb, app.outputs.table, query, limit=limit)
    with spooled(found, limit) as spool:
        if options.thumbnails and not _may_download(app, spool.download):
            app.ui.info("Nothing was written.")
            return 1
        write_records(app, query, spool, options)
        cursor = None if spool.last is None else str(Position.of(spool.last))
    if cursor is not None:
        app.ui.info(continuation(query, cursor).render(app.program))
    path = options.path.absolute()
    document = ReportDocument(path=str(path), records=spool.count, next=cursor)
    app.ui.result(document, str(options.path))
    app.ui.info(how_to_open(path))
    return 0


def check_path(options: ReportOptions) -> None:
    """Raise OutputExists or FileError if nothing can be written, before anything is read."""
    path = options.path
    if os.path.lexists(path) and not options.overwrite:
        raise OutputExists(f"{path} already exists.", hint="Use --overwrite to replace it.")
    if not path.parent.is_dir():
        raise FileError(f"There is no folder {path.parent}.", hint="Create it first.")


def how_to_open(path: Path) -> str:
    """Return how to look at a report: an address that a terminal makes a link of."""
    return f"Open the report in a browser: {path.absolute().as_uri()}"


def write_records(app: App, query: RecordQuery, spool: RecordSpool, options: ReportOptions) -> None:
    """Write a report of these records; the file appears when it is complete."""
    heading = ReportHeading(
        stack=app.settings.stack,
        region=app.aws.region,
        account=app.aws.account_id,
        generated=timestamp(datetime.now(UTC)),
        since=query.since,
        until=query.until,
        key=query.key,
        status=query.status,
        more=spool.last is not None,
    )
    with (
        output_file(options.path, mode=new_file_mode(), overwrite=options.overwrite) as file,
        app.ui.progress("Writing the report", spool.count) as advance,
        closing(_entries(app, spool.records(), thumbnails=options.thumbnails)) as entries,
    ):
        write_report(file, heading, counted(entries, advance))


def _entries(app: App, records: Iterable[Record], *, thumbnails: bool) -> Generator[Entry]:
    """Yield the entries of a report, and say in the end how many images it lacks."""
    if not thumbnails:
        yield from map(Entry, records)
        return
    missing: Counter[str] = Counter()

    def note(key: str, reason: str) -> None:
        missing[key] += 1
        app.ui.debug(printable(f"No thumbnail of {key}: {reason}"))

    with ThumbnailMaker(app.aws.s3, note) as maker:
        yield from maker.entries(records)
    if count := missing.total():
        app.ui.info(f"{count} images cannot be shown. --verbose says why.")


def _may_download(app: App, download: Download) -> bool:
    """Say how much the thumbnails need; ask if that costs money worth a question."""
    if app.aws.is_local or download.bytes < _TELL_BYTES:
        return True
    amount = f"{size_text(download.bytes)} in {download.objects} objects"
    if download.bytes < _ASK_BYTES:
        app.ui.info(f"Downloading {amount} for the thumbnails.")
        return True
    return app.ui.confirm(
        f"Download {amount} for the thumbnails? AWS charges for data that leaves it."
        " --no-thumbnails writes the report without them."
    )
