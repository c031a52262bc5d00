"""Photoshop image resources: where JPEG and TIFF files keep IPTC data, thumbnails and more."""

from collections.abc import Iterator

JPEG_SIGNATURE = b"Photoshop 3.0\0"
IPTC = 0x0404

_THUMBNAILS = (0x0409, 0x040C)


def without_thumbnails(resources: bytes) -> bytes:
    """Return the image resources without thumbnails, as far as they can be read."""
    blocks = _blocks(resources)
    return b"".join(resources[start:end] for code, start, end in blocks if code not in _THUMBNAILS)


def iptc_resource(iptc: bytes) -> bytes:
    """Return image resources that hold IPTC data only."""
    return (
        b"8BIM" + IPTC.to_bytes(2) + b"\0\0" + len(iptc).to_bytes(4) + iptc + bytes(len(iptc) % 2)
    )


def _blocks(resources: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield the code of each resource, and where it starts and ends."""
    start = 0
    while resources[start : start + 4] == b"8BIM" and start + 12 <= len(resources):
        code = int.from_bytes(resources[start + 4 : start + 6])
        name_end = start + 7 + resources[start + 6]
        size_at = name_end + (name_end - start) % 2
        size = int.from_bytes(resources[size_at : size_at + 4])
        end = size_at + 4 + size + size % 2
        yield code, start, end
        start = end
