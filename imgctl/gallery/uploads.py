"""Files that a page sends: received into temporary files, and uploaded as by `imgctl upload`.

Nothing of a file that did not arrive whole is stored.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import dataclass
from typing import IO, Any

from imgctl.core.errors import ImgctlError
from imgctl.core.limits import MEBIBYTE, Limits
from imgctl.gallery.threads import in_thread
from imgctl.operations.input_files import InputFile
from imgctl.operations.upload import (
    UploadOptions,
    UploadResult,
    UploadServices,
    UploadStatus,
    upload_files,
)
from imgctl.operations.upload_content import opened_image
from imgctl.operations.upload_keys import UploadFile, assign_keys, key_problem

AT_ONCE = 4
"""Uploads that are received or sent at the same time; others wait before they are received."""

_SILENCE_S = 30  # without a byte, before an upload is given up
_MAX_NAME = 4_096  # characters
_OPTIONS = UploadOptions(wait=False, timeout_s=0, jobs=1, force=False)


class UploadError(ImgctlError):
    """An upload cannot be accepted; `status` is the HTTP status that says so."""

    code = "upload"

    def __init__(self, status: int, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that is announced: the key to store it under, and its size in bytes."""

    key: str
    size: int

    @classmethod
    def announced(cls, name: str, content_length: str | None) -> "Upload":
        """Return what a request announces; raises UploadError if it is not to be received."""
        if content_length is None or not (content_length.isascii() and content_length.isdecimal()):
            raise UploadError(411, "The request has no Content-Length.")
        size, limit = int(content_length[:20]), Limits().max_bytes
        if size > limit:
            raise UploadError(
                413,
                f"The file is {size / MEBIBYTE:.1f} MiB; the limit is {limit / MEBIBYTE:.0f} MiB.",
                hint="Reduce its size first.",
            )
        if len(name) > _MAX_NAME:
            raise UploadError(400, "The file's name is too long.", hint="Rename the file.")
        (file,) = assign_keys([InputFile("", name)], "")
        if problem := key_problem(file.key):
            raise UploadError(400, f"The file's name {problem}.", hint="Rename the file.")
        return cls(file.key, size)


class Uploads:
    """Receives and sends files, a few at a time, with flat memory."""

    def __init__(self, services: UploadServices, expect: Callable[[UploadResult], None]) -> None:
        """`expect` is called with each file that is stored, whose record will come."""
        self._services = services
        self._expect = expect
        self._room = asyncio.Semaphore(AT_ONCE)
        self._sending = 0
        self._all_sent = asyncio.Event()
        self._all_sent.set()

    async def store(self, upload: Upload, body: AsyncIterator[bytes]) -> dict[str, Any]:
        """Receive and store a file; return what became of it, for JSON.

        Raises UploadError, a PictureError for a file that the function cannot process, or
        AccessError if no file could be stored.
        """
        async with self._room:
            with tempfile.NamedTemporaryFile(prefix="imgctl-gallery-") as file:
                await _receive(upload, body, file.file)
                with opened_image(file.name, sends_all=False):
                    pass  # it is one
                result = await self._send(UploadFile(file.name, upload.key))
        if result.stored is None:
            hint = "" if result.hint is None else result.hint.render()
            raise UploadError(422, f"{result.reason.removesuffix('.')}.", hint=hint)
        self._expect(result)
        return {
            "key": result.stored.key,
            "version_id": result.stored.version_id,
            "skipped": result.status is UploadStatus.SKIPPED,
            "replaced": result.replaced,
        }

    async def finish(self, timeout_s: float) -> None:
        """Wait for what is being sent, which may be stored already; not for what is received."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._all_sent.wait()
        except TimeoutError:
            pass

    async def _send(self, file: UploadFile) -> UploadResult:
        def send() -> UploadResult:
            with closing(upload_files(self._services, [file], _OPTIONS)) as outcomes:
                result = next(outcomes)
            assert isinstance(result, UploadResult)  # others are left out of folders only
            return result

        self._sending += 1
        self._all_sent.clear()
        try:
            return await in_thread(send)
        finally:
            self._sending -= 1
            if not self._sending:
                self._all_sent.set()


async def _receive(upload: Upload, body: AsyncIterator[bytes], file: IO[bytes]) -> None:
    """Write what arrives to a file; raises UploadError unless it is as much as was announced."""
    received = 0
    blocks = aiter(body)
    while True:
        try:
            async with asyncio.timeout(_SILENCE_S):
                block = await anext(blocks, None)
        except TimeoutError as error:
            raise UploadError(408, "The upload stopped.", hint="Upload the file again.") from error
        if block is None:
            break
        received += len(block)
        if received > upload.size:
            break
        file.write(block)
    file.flush()
    if received != upload.size:
        raise UploadError(400, "The upload does not have its announced length.")
