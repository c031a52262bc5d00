"""The boxes of an AVIF (ISO/IEC 14496-12, ISO/IEC 23008-12, AV1 Image File Format)."""

from collections.abc import Iterator
from typing import BinaryIO

from imgctl.core.containers.avif_facts import AvifContainer
from imgctl.core.containers.avif_items import AvifItems
from imgctl.core.containers.avif_sequence import read_sequence
from imgctl.core.errors import Damaged, TooLarge, Truncated

_MAX_HEADER_BYTES = 8 << 20  # of `meta` or `moov`


class _Reader:
    def __init__(self, file: BinaryIO, file_bytes: int) -> None:
        self._file = file
        self._file_bytes = file_bytes

    def read(self) -> AvifContainer:
        meta = moov = b""
        meta_at = 0
        for kind, at, size in self._top_boxes():
            if kind == b"meta" and not meta:
                meta, meta_at = self._header(at, size), at
            elif kind == b"moov" and not moov:
                moov = self._header(at, size)
        brand = self._at(8, 4)
        if moov and (brand != b"avif" or not meta):  # as libavif chooses between them
            return read_sequence(moov, self._file_bytes)
        if meta:
            return AvifItems(meta, meta_at, self._file_bytes, self._at).container()
        raise Damaged(
            "The AVIF file has no image.", hint="Export it again from the program that created it."
        )

    def _top_boxes(self) -> Iterator[tuple[bytes, int, int]]:
        at = 0
        for _ in range(1000):
            head = self._at(at, 16)
            if len(head) < 8:
                return
            size, header = int.from_bytes(head[:4], "big"), 8
            if size == 1:
                size, header = int.from_bytes(head[8:16], "big"), 16
            elif size == 0:
                size = self._file_bytes - at
            if size < header:
                return
            yield head[4:8], at + header, size - header
            at += size

    def _header(self, at: int, size: int) -> bytes:
        if size > _MAX_HEADER_BYTES:
            raise TooLarge(
                "The AVIF file's header is too large.",
                hint="Export it again from the program that created it.",
            )
        data = self._at(at, size)
        if len(data) < size:
            raise Truncated("The image is truncated.", hint="Copy or upload the complete file.")
        return data

    def _at(self, position: int, count: int) -> bytes:
        if position >= self._file_bytes:
            return b""
        self._file.seek(position)
        return self._file.read(count)


def read(file: BinaryIO, file_bytes: int) -> AvifContainer:
    """Read the boxes of an AVIF. Raises Damaged, Truncated, TooLarge or UnsupportedFormat."""
    return _Reader(file, file_bytes).read()
