"""The content of an object that is to be stored, as a file that is read block by block."""

import base64
import hashlib
import io
from collections.abc import Iterator
from functools import cached_property
from typing import BinaryIO

from imgctl.core.errors import ImgctlError

_BLOCK_BYTES = 64 * 1024


class FileChanged(ImgctlError):
    """A file changed while it was uploaded; nothing of it is stored."""

    code = "file"

    def __init__(self) -> None:
        super().__init__("The file changed while it was uploaded.", hint="Upload it again.")


class Content:
    """A file of `size` bytes, read once to be hashed and once to be sent.

    No more than a block of it is in memory. S3 compares what is sent with the hash, so that a file
    that changes between the two is never stored. Not for several threads.
    """

    def __init__(self, file: BinaryIO, size: int, content_type: str) -> None:
        self.size = size
        self.content_type = content_type
        self.sent_bytes = 0  # which other threads may read
        self._file = file

    @classmethod
    def of(cls, data: bytes, content_type: str) -> "Content":
        """Return content that is in memory."""
        return cls(io.BytesIO(data), len(data), content_type)

    @cached_property
    def sha256(self) -> bytes:
        """The SHA-256 of the content."""
        return self._hashed("sha256")

    @property
    def checksum(self) -> str:
        """The SHA-256 in base64, as S3 has it."""
        return base64.b64encode(self.sha256).decode()

    @cached_property
    def md5(self) -> str:
        """The MD5 of the content in hexadecimal, as in an ETag."""
        return self._hashed("md5").hex()

    def blocks(self) -> Iterator[memoryview]:
        """Read the content to send it, from its beginning, each block into the same memory.

        Raises FileChanged if the file has become shorter or longer.
        """
        self.sent_bytes = 0
        for block in self._read():
            yield block
            self.sent_bytes += len(block)

    def _read(self) -> Iterator[memoryview]:
        self._file.seek(0)
        buffer = memoryview(bytearray(min(_BLOCK_BYTES, self.size + 1)))
        missing = self.size
        while count := self._file.readinto(buffer):  # type: ignore[attr-defined]
            missing -= count
            if missing < 0:
                break
            yield buffer[:count]
        if missing:
            raise FileChanged

    def rewound(self) -> BinaryIO:
        """Return the file, to be read from its beginning."""
        self._file.seek(0)
        return self._file

    def _hashed(self, algorithm: str) -> bytes:
        digest = hashlib.new(algorithm, usedforsecurity=False)
        for block in self._read():
            digest.update(block)
        return digest.digest()
