"""Pictures of few bytes that take much memory or time, each made for one decoder."""

import io
import struct
import zlib

from PIL import Image


def _jpeg_segment(marker: int, data: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(data) + 2) + data


def jpeg_of_many_scans(width: int, height: int, scans: int) -> bytes:
    """A progressive JPEG whose scans change nothing; each takes a pass over all coefficients."""
    blocks = -(-width // 8) * -(-height // 8)
    runs = -(-blocks // 32_767)  # the longest run of empty blocks: EOB14 and 14 bits
    bits = ("0" + "1" * 14) * runs
    bits += "1" * (-len(bits) % 8)
    entropy_coded = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\x00")
    scan = _jpeg_segment(0xDA, bytes([1, 1, 0, 1, 63, 0x10])) + entropy_coded  # a refinement
    return (
        b"\xff\xd8"
        + _jpeg_segment(0xDB, bytes([0, *[1] * 64]))
        + _jpeg_segment(0xC2, struct.pack(">BHHB", 8, height, width, 1) + bytes([1, 0x11, 0]))
        + _jpeg_segment(0xC4, bytes([0x10, 1, *[0] * 15, 0xE0]))
        + scan * scans
        + b"\xff\xd9"
    )


def jpeg_with_a_scan_for_each_channel(width: int, height: int, channels: int) -> bytes:
    """A sequential JPEG that is decoded from coefficients, as a progressive one is."""
    blocks = -(-width // 8) * -(-height // 8)
    numbers = range(1, channels + 1)
    frame = struct.pack(">BHHB", 8, height, width, channels)
    table = bytes([1, *[0] * 15, 0])  # one code of one bit: no difference, or end of block
    return (
        b"\xff\xd8"
        + _jpeg_segment(0xDB, bytes([0, *[1] * 64]))
        + _jpeg_segment(0xC0, frame + b"".join(bytes([number, 0x11, 0]) for number in numbers))
        + _jpeg_segment(0xC4, b"\x00" + table)
        + _jpeg_segment(0xC4, b"\x10" + table)
        + b"".join(
            _jpeg_segment(0xDA, bytes([1, number, 0, 0, 63, 0])) + bytes(-(-blocks * 2 // 8))
            for number in numbers
        )
        + b"\xff\xd9"
    )


def _gif(width: int, height: int, *frames: bytes) -> bytes:
    screen = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0)
    return screen + b"\0\0\0\xff\xff\xff" + b"".join(frames) + b";"


def _gif_frame(width: int, height: int, disposal: int) -> bytes:
    control = b"\x21\xf9\x04" + bytes([disposal << 2, 0, 0, 0, 0])
    place = b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0)
    return control + place + b"\x02\x02\x44\x01\x00"


def gif_of_a_huge_screen(side: int) -> bytes:
    """A GIF of one pixel on a screen that is cleared when the file is opened."""
    return _gif(side, side, _gif_frame(1, 1, disposal=2))


def gif_that_grows(side: int) -> bytes:
    """A GIF whose later frames are larger than its screen."""
    return _gif(1, 1, _gif_frame(1, 1, 0), *[_gif_frame(side, side, 0)] * 2)


def gif_of_tiny_frames(frames: int) -> bytes:
    """A GIF of many frames of one pixel."""
    return _gif(1, 1, *[_gif_frame(1, 1, 0)] * frames)


def webp_of_one_color(width: int, height: int) -> bytes:
    """A lossless WebP: the whole image is a few bytes."""
    encoded = io.BytesIO()
    Image.new("RGB", (width, height), (10, 20, 30)).save(encoded, "WEBP", lossless=True, method=0)
    return encoded.getvalue()


def _zlib_of_zeros(size: int) -> bytes:
    """Return what decompresses to so many zeros, without compressing all of them."""
    block_size = 1 << 20
    compressor = zlib.compressobj(9, wbits=-15)
    block = compressor.compress(bytes(block_size)) + compressor.flush(zlib.Z_FULL_FLUSH)
    rest = compressor.compress(bytes(size % block_size)) + compressor.flush()
    adler_32 = struct.pack(">HH", size % 65_521, 1)
    return b"\x78\xda" + block * (size // block_size) + rest + adler_32


def tiff_of_a_huge_tile(tile_side: int) -> bytes:
    """A TIFF of 10 x 10 pixels in one compressed tile of any size."""
    data = _zlib_of_zeros(tile_side * tile_side * 3)
    tags = [
        (256, 3, 1, 10), (257, 3, 1, 10), (258, 3, 3, 0), (259, 3, 1, 8), (262, 3, 1, 2),
        (277, 3, 1, 3), (284, 3, 1, 1), (322, 4, 1, tile_side), (323, 4, 1, tile_side),
        (324, 4, 1, 0), (325, 4, 1, len(data)),
    ]  # fmt: skip
    bits_at = 8 + 2 + 12 * len(tags) + 4
    offsets = {258: bits_at, 324: bits_at + 6}
    directory = b"".join(
        struct.pack("<HHII", tag, kind, count, offsets.get(tag, value))
        for tag, kind, count, value in tags
    )
    header = b"II*\0" + struct.pack("<IH", 8, len(tags)) + directory + b"\0\0\0\0"
    return header + struct.pack("<3H", 8, 8, 8) + data


def tiff_of_many_pages(pages: int) -> bytes:
    """A TIFF of many pages of one pixel, which share their data."""
    tags = [
        (256, 1),
        (257, 1),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, 8),
        (277, 1),
        (278, 1),
        (279, 1),
    ]
    size = 2 + 12 * len(tags) + 4
    directory = struct.pack("<H", len(tags)) + b"".join(
        struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags
    )
    chain = (
        directory + struct.pack("<I", 0 if page == pages else 12 + page * size)
        for page in range(1, pages + 1)
    )
    return b"II*\0" + struct.pack("<I", 12) + b"\0\0\0\0" + b"".join(chain)
