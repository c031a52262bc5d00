"""Finding what happened to one upload, from the object to the record; see `timeline`."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from imgctl.aws import logs, records, storage
from imgctl.aws.dead_letters import DeadLetter
from imgctl.aws.errors import translate
from imgctl.aws.log_lines import LogLine
from imgctl.aws.logs import Invocation
from imgctl.aws.session import Aws
from imgctl.aws.stack import StackOutputs
from imgctl.core.errors import Hint, ImgctlError, InvalidInput
from imgctl.core.keys import resource_id, version_id_of
from imgctl.core.record import Record, Status, timestamp
from imgctl.core.recorded_renditions import RecordedOutput
from imgctl.operations.key_spelling import composed
from imgctl.operations.redrive import list_dead_letters

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

_BEFORE = timedelta(minutes=1)
_AFTER = timedelta(minutes=15)  # as long as an invocation may run
_MAX_REQUESTS = 20


@dataclass(frozen=True, slots=True)
class Upload:
    """The version of the source object that is traced."""

    version_id: str
    etag: str
    size_bytes: int
    content_type: str
    time: str


@dataclass(frozen=True, slots=True)
class Output:
    """An output of the record's.

    `problem` says what is wrong with the object in the bucket, such as that it is gone.
    """

    recorded: RecordedOutput
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """All that is known of one upload; `upload` is None if the object is gone.

    `missing` says what could not be read, and why.
    """

    key: str
    upload: Upload | None
    record: Record | None
    outputs: tuple[Output, ...] = ()
    invocations: tuple[Invocation, ...] = ()
    dead_letters: tuple[DeadLetter, ...] = ()
    missing: tuple[str, ...] = ()


class NothingToTrace(ImgctlError):
    """There is neither an object nor a record with this key."""

    code = "nothing_to_trace"


def trace(aws: Aws, outputs: StackOutputs, key: str, *, now: datetime) -> Trace:
    """Read what happened to the newest upload of a key; without the object, to the newest record's.

    Dead letters are only looked for without a record of a success: reading the queue hides its
    messages from others meanwhile. Raises InvalidInput for an empty key, and NothingToTrace if
    there is neither an object nor a record.
    """
    if not key:
        raise InvalidInput("The key is empty.", hint="No object has an empty key.")
    head = storage.head_object(aws.s3, outputs.source_bucket, key)
    upload = None if head is None else _upload_of(head)
    record = _record_of(aws, outputs, key, upload)
    if upload is None and record is None:
        if key != composed(key):
            return trace(aws, outputs, composed(key), now=now)
        raise NothingToTrace(
            f"There is neither an object nor a record of {key}.",
            hint=Hint("{} lists the records.", "history"),
        )
    missing: list[str] = []
    letters: list[DeadLetter] = []
    if record is None or record.status is not Status.SUCCEEDED:
        with _noting(missing, "dead letters"):
            letters = _dead_letters_of(aws, outputs, key)
    found: list[Invocation] = []
    with _noting(missing, "log lines"):
        found = _invocations_of(aws, outputs, key, upload, record, letters, now)
    return Trace(
        key=key,
        upload=upload,
        record=record,
        outputs=() if record is None else tuple(_outputs_of(aws, record)),
        invocations=tuple(sorted(found, key=lambda one: one.started)),
        dead_letters=tuple(letters),
        missing=tuple(missing),
    )


@contextmanager
def _noting(missing: list[str], what: str) -> Iterator[None]:
    """Note an error of AWS instead of raising it: the rest of the trace is of use without."""
    try:
        yield
    except Exception as error:
        known = translate(error)
        if known is None:
            raise
        missing.append(f"{what}: {known.message}")


def _upload_of(head: "HeadObjectOutputTypeDef") -> Upload:
    return Upload(
        version_id=version_id_of(head.get("VersionId")),
        etag=head["ETag"],
        size_bytes=head["ContentLength"],
        content_type=head["ContentType"],
        time=timestamp(head["LastModified"]),
    )


def _record_of(aws: Aws, outputs: StackOutputs, key: str, upload: Upload | None) -> Record | None:
    if upload is not None and upload.version_id:
        record_id = resource_id(outputs.source_bucket, key, version_id=upload.version_id)
        return records.get(aws.dynamodb, outputs.table, record_id)
    etag = None if upload is None else upload.etag.strip('"')
    of_key = records.of_key(aws.dynamodb, outputs.table, key)
    return next((r for r in of_key if etag is None or (r.etag or "").strip('"') == etag), None)


def _dead_letters_of(aws: Aws, outputs: StackOutputs, key: str) -> list[DeadLetter]:
    with closing(list_dead_letters(aws.sqs, outputs.dead_letter_queue)) as events:
        return [event.letter for event in events if key in event.letter.keys]


def _outputs_of(aws: Aws, record: Record) -> Iterator[Output]:
    """Compare the outputs that a record names with the objects in the bucket."""
    if record.status is not Status.SUCCEEDED or record.resized_bucket is None:
        return
    for output in record.outputs:
        head = storage.head_object(aws.s3, record.resized_bucket, output.key)
        if head is None:
            yield Output(output, problem="is gone")
        elif head["Metadata"].get("record_id", record.resource_id) != record.resource_id:
            yield Output(output, problem="is that of another upload by now")
        else:
            yield Output(output)


def _invocations_of(
    aws: Aws,
    outputs: StackOutputs,
    key: str,
    upload: Upload | None,
    record: Record | None,
    letters: Sequence[DeadLetter],
    now: datetime,
) -> list[Invocation]:
    """Read the attempts that worked on this upload, from the log lines of their requests."""
    since, until = _span(upload, record, now)
    group, client = outputs.function_log_group, aws.logs
    version_id = upload.version_id if upload is not None else (record and record.version_id) or ""
    about = [
        line
        for line in logs.of_key(client, group, key, since=since, until=until)
        if not version_id or line.fields.get("version", version_id) == version_id
    ]
    known = [record.request_id] if record is not None and record.request_id else []
    ids = [*known, *(line.request_id for line in about), *(one.request_id for one in letters)]
    requests = [request_id for request_id in dict.fromkeys(ids) if request_id][:_MAX_REQUESTS]
    found: list[Invocation] = []
    for request_id in requests:
        lines = logs.of_request(client, group, request_id, since=since, until=until)
        found += logs.invocations(line for line in lines if _is_about(line, key, record))
    return found


def _span(upload: Upload | None, record: Record | None, now: datetime) -> tuple[str, str]:
    """Return the times between which the function worked on an upload."""
    times = [None if upload is None else upload.time]
    if record is not None:
        times += [record.event_time, record.processing_time]
    known = [datetime.fromisoformat(time) for time in times if time]
    aware = [time if time.tzinfo else time.replace(tzinfo=UTC) for time in known] or [now]
    end = now if record is None else max(aware) + _AFTER
    return timestamp(min(aware) - _BEFORE), timestamp(end)


def _is_about(line: LogLine, key: str, record: Record | None) -> bool:
    """Return whether a line of a request is about this object, and not another one of its event."""
    if line.fields.get("outcome") == "RENDITION":
        return record is None or line.fields.get("record") == record.resource_id
    return bool(line.fields.get("key", key) == key)
