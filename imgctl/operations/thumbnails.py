"""Thumbnails of the objects that records are about.

The objects are downloaded as they were when the record was written, and decoded in child processes,
because an image can be hostile. What cannot be shown has no thumbnail.
"""

import base64
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from botocore.exceptions import BotoCoreError, ClientError

from imgctl.aws.errors import AccessError, PermissionMissing, translate
from imgctl.core.errors import NotAnImage, PictureError, TooLarge
from imgctl.core.formats import ImageFormat, sniff
from imgctl.core.limits import MEBIBYTE, Limits
from imgctl.core.record import Record, Status
from imgctl.core.spec import Fit, MetadataPolicy, ResizeSpec
from imgctl.operations.resize import available_cores
from imgctl.pages.entries import Entry, Thumbnails
from imgctl.sandbox.parallel import ResizeProcesses
from imgctl.sandbox.process import Interrupted

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SIDE = 240
"""The longest side of a thumbnail, in pixels."""

_MAX_BYTES = 4_000
_QUALITIES = (45, 25)
"""The second is for the quarter of photographs that exceed `_MAX_BYTES` with the first: they have
so many details that it is hardly seen."""

_SANE_BYTES = 16 * _MAX_BYTES  # more are no thumbnail, whatever a child says
_CHUNK_BYTES = 64 * 1024

# One image at a time may take as much as the function has; the others, which are nearly all, share
# what is little enough for a laptop.
_LARGE_BYTES = 16 * MEBIBYTE
_USUAL_MEMORY_BYTES = 400 * MEBIBYTE
_CPU_S = 20
_MAX_PROCESSES = 4
_DOWNLOADS, _URGENT_DOWNLOADS = 8, 2
_AHEAD = 16  # records whose thumbnails are made before they are asked for


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An object that a record names, and what proves that it is still the one.

    `size` in bytes is None where the record does not know it. An original is proven by its version
    and its ETag, and an output by the ID of the record in its metadata. Either is empty if unknown.
    """

    bucket: str
    key: str
    size: int | None
    version_id: str = ""
    etag: str = ""
    record_id: str = ""

    @property
    def is_large(self) -> bool:
        """Whether to download and decode it while no other large one is."""
        return self.size is None or self.size > _LARGE_BYTES

    def matches(self, response: Any) -> bool:
        """Return whether S3's response to a request for it is about the same content."""
        if self.size not in (None, response["ContentLength"]):
            return False
        # The original function stored its outputs without an ID.
        of = response["Metadata"].get("record_id", self.record_id)
        return not self.record_id or of == self.record_id


@dataclass(frozen=True, slots=True)
class RecordImages:
    """The objects of one record: None and left out where there is nothing to show."""

    before: StoredImage | None
    after: StoredImage | None
    renditions: tuple[tuple[str, StoredImage], ...]

    @property
    def all(self) -> tuple[StoredImage, ...]:
        """Each object once."""
        named = (self.before, self.after, *(image for _, image in self.renditions))
        return tuple(dict.fromkeys(image for image in named if image is not None))


def images_of(record: Record) -> RecordImages:
    """Return the objects that a record names, as far as they may be shown.

    The outputs of an upload that was superseded are those of a newer one by now. The original of a
    failed one is shown if that is cheap: it may have failed for another reason than its content.
    """
    before = None
    if record.original_bucket and record.original_object_key:
        size = record.original_file_size
        before = StoredImage(
            record.original_bucket,
            record.original_object_key,
            record.original_size if size is None else size,
            version_id=record.version_id or "",
            etag=record.etag or "",
        )
    if record.status is not Status.SUCCEEDED or not record.resized_bucket:
        cheap = before is not None and (record.status is not Status.FAILED or not before.is_large)
        return RecordImages(before if cheap else None, None, ())
    outputs = [
        (
            output.name,
            StoredImage(
                record.resized_bucket, output.key, output.file_bytes, record_id=record.resource_id
            ),
        )
        for output in record.outputs
    ]
    after = outputs[0][1] if outputs else None
    return RecordImages(before, after, tuple((name, image) for name, image in outputs if name))


@dataclass(frozen=True, slots=True)
class Download:
    """How much the thumbnails of some records need: objects, and bytes as far as known."""

    objects: int = 0
    bytes: int = 0

    def plus(self, record: Record) -> "Download":
        """Return this with what one more record needs."""
        images = images_of(record).all
        return Download(
            self.objects + len(images), self.bytes + sum(image.size or 0 for image in images)
        )


class ThumbnailMaker:
    """Makes thumbnails in parallel; to be closed. May be called by several threads.

    A missing, changed or hostile object has none; `on_note` is then called with its key and the
    reason, by any thread. Raises AccessError for credentials that do not work, and for an S3 that
    cannot be reached, which would fail them all.
    """

    def __init__(
        self,
        s3: "S3Client",
        on_note: Callable[[str, str], None] = lambda key, why: None,  # noqa: ARG005
    ) -> None:
        self._s3 = s3
        self._on_note = on_note
        self._threads = ThreadPoolExecutor(_DOWNLOADS)
        self._urgent_threads = ThreadPoolExecutor(_URGENT_DOWNLOADS)
        self._processes = ResizeProcesses(min(available_cores(), _MAX_PROCESSES))
        self._large = threading.RLock()
        self._is_closing = False

    def __enter__(self) -> "ThumbnailMaker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all work: children at once, and a download after what it is receiving."""
        self._is_closing = True
        self._processes.interrupt()
        for threads in (self._threads, self._urgent_threads):
            threads.shutdown(cancel_futures=True)
        self._processes.close()

    def entries(self, records: Iterable[Record]) -> Iterator[Entry]:
        """Yield records with their thumbnails, in their order; reads a few records ahead."""
        begun: deque[PendingEntry] = deque()
        for record in records:
            begun.append(self.begin(record))
            if len(begun) > _AHEAD:
                yield begun.popleft().whole()
        while begun:
            yield begun.popleft().whole()

    def begin(self, record: Record, *, urgent: bool = False) -> "PendingEntry":
        """Begin to make the thumbnails of a record; `urgent` ones do not queue for a download."""
        images = images_of(record)
        threads = self._urgent_threads if urgent else self._threads
        futures = {image: threads.submit(self._data_url, image) for image in images.all}
        return PendingEntry(record, images, futures)

    def _data_url(self, image: StoredImage) -> str | None:
        try:
            with self._large if image.is_large else nullcontext():
                data = self._thumbnail(image)
        except (PictureError, _NotShown, OSError) as error:  # OSError: no space for the download
            self._on_note(image.key, str(error))
            return None
        except Interrupted:
            return None
        return f"data:{ImageFormat.WEBP.content_type};base64,{base64.b64encode(data).decode()}"

    def _thumbnail(self, image: StoredImage) -> bytes:
        with tempfile.TemporaryFile() as file:
            self._download(image, file)
            file.seek(0)  # which also writes what is buffered
            for quality in _QUALITIES:
                data = self._shrunk(file, _spec(quality))
                if len(data) <= _MAX_BYTES:
                    break
            return data

    def _shrunk(self, file: BinaryIO, spec: ResizeSpec) -> bytes:
        try:
            (result,) = self._processes.resize(file, [spec], _limits(_USUAL_MEMORY_BYTES))
        except TooLarge:
            with self._large:
                whole = _limits(Limits().max_process_bytes)
                (result,) = self._processes.resize(file, [spec], whole)
        # The child has decoded what may be hostile, and is not trusted.
        if len(result.data) > _SANE_BYTES or sniff(result.data) is not ImageFormat.WEBP:
            raise NotAnImage("The thumbnail is not one.")
        return result.data

    def _download(self, image: StoredImage, file: BinaryIO) -> None:
        """Download an object; raises _NotShown for one that cannot be, or is not the one."""
        version: Any = {"VersionId": image.version_id} if image.version_id else {}
        if image.etag:
            version["IfMatch"] = f'"{image.etag}"'
        try:
            response = self._s3.get_object(Bucket=image.bucket, Key=image.key, **version)
        except (ClientError, BotoCoreError) as error:
            known = translate(error)
            if isinstance(known, AccessError) and not isinstance(known, PermissionMissing):
                raise known from error
            raise _NotShown(known.message if known is not None else str(error)) from error
        with closing(response["Body"]) as body:
            if not image.matches(response):
                raise _NotShown("is no longer what the record describes")
            Limits().check_bytes(response["ContentLength"])
            try:
                for chunk in body.iter_chunks(_CHUNK_BYTES):
                    if self._is_closing:
                        raise Interrupted
                    file.write(chunk)
            except BotoCoreError as error:
                raise _NotShown(str(error)) from error


class _NotShown(Exception):
    """An object has no thumbnail, for a reason that is not its content."""


@dataclass(frozen=True, slots=True)
class PendingEntry:
    """A record whose thumbnails are being made."""

    record: Record
    _images: RecordImages
    _futures: dict[StoredImage, Future[str | None]]

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the thumbnails; return whether all are made that can be."""
        return not wait(self._futures.values(), timeout_s).not_done

    def when_done(self, then: Callable[[], None]) -> None:
        """Call a function when all are made, by any thread; perhaps more than once."""
        for future in self._futures.values():
            future.add_done_callback(lambda _: then() if self.wait(0) else None)

    def whole(self) -> Entry:
        """Wait for the thumbnails, and return the record with them. Raises as `entry`."""
        self.wait()
        return self.entry()

    def entry(self) -> Entry:
        """Return the record with those thumbnails that are made by now.

        Raises what `ThumbnailMaker` says.
        """
        urls = {image: f.result() if f.done() else None for image, f in self._futures.items()}
        images = self._images
        named = ((name, urls[image]) for name, image in images.renditions)
        thumbnails = Thumbnails(
            before=None if images.before is None else urls[images.before],
            after=None if images.after is None else urls[images.after],
            renditions={name: url for name, url in named if url is not None},
        )
        return Entry(self.record, thumbnails)


def _limits(process_bytes: int) -> Limits:
    return Limits.for_process(process_bytes, _CPU_S).for_time(_CPU_S)


def _spec(quality: int) -> ResizeSpec:
    return ResizeSpec(
        Fit(SIDE, SIDE),
        ImageFormat.WEBP,
        quality=quality,
        metadata=MetadataPolicy.NONE,
        preview=True,
    )
