"""The chunks of a PNG file: where they are, and whether their checksums match (clause 5.3)."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

MAX_CHUNKS = 100_000
"""Three times those of 256 MiB in chunks of 8 KiB, as libpng writes them: read in 0.4 s."""

_SIGNATURE_BYTES = 8
_MAX_LENGTH = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk: where it starts in the file, its name, and the length of its data."""

    start: int
    name: bytes
    length: int

    @property
    def data_start(self) -> int:
        """Where its data start."""
        return self.start + 8

    @property
    def end(self) -> int:
        """Where the next chunk starts: behind the data and the checksum."""
        return self.start + self.length + 12

    @property
    def is_critical(self) -> bool:
        """Whether the image cannot be shown without understanding it (clause 5.4)."""
        return not self.name[0] & 0x20

    def read(self, file: BinaryIO) -> bytes:
        """Return its data; less if the file ends within them."""
        file.seek(self.data_start)
        return file.read(self.length)


def read_chunks(file: BinaryIO, file_bytes: int) -> Iterator[Chunk]:
    """List the chunks, the last of which may end behind the file, up to the first invalid one."""
    start = _SIGNATURE_BYTES
    while start + 8 <= file_bytes:
        file.seek(start)
        head = file.read(8)
        chunk = Chunk(start, head[4:], int.from_bytes(head[:4]))
        if chunk.length > _MAX_LENGTH or not (chunk.name.isascii() and chunk.name.isalpha()):
            return
        yield chunk
        start = chunk.end


def has_valid_crc(file: BinaryIO, chunk: Chunk, data: bytes) -> bool:
    """Return whether the checksum behind the chunk's data, which have just been read, matches."""
    stored = file.read(4)
    return len(stored) == 4 and zlib.crc32(chunk.name + data) == int.from_bytes(stored)


def encoded_chunk(name: bytes, data: bytes) -> bytes:
    """Return a chunk as it is stored."""
    return len(data).to_bytes(4) + name + data + zlib.crc32(name + data).to_bytes(4)
