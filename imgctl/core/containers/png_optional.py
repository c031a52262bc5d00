"""Which optional chunks of a PNG file are sound: the picture does not depend on them."""

import zlib
from dataclasses import dataclass

from imgctl.core.containers.optional_parts import is_readable_exif
from imgctl.core.limits import MEBIBYTE
from imgctl.core.profiles import color_space

_MAX_TEXT_TOTAL = 8 * MEBIBYTE

_LABELS = {
    b"tRNS": "transparency",
    b"iCCP": "color profile",
    b"gAMA": "gamma",
    b"cHRM": "primaries",
    b"sRGB": "sRGB rendering intent",
    b"cICP": "color description",
    b"mDCV": "mastering display",
    b"cLLI": "light level",
    b"pHYs": "resolution",
    b"eXIf": "EXIF",
    b"tEXt": "text",
    b"zTXt": "text",
    b"iTXt": "text",
}
# The lengths that clauses 11.3.2 and 11.3.4 require.
_LENGTHS = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"cICP": 4, b"mDCV": 24, b"cLLI": 8, b"pHYs": 9}
_TRANSPARENCY_LENGTHS = {0: (2, 2), 2: (6, 6), 3: (1, 256)}  # by color type: least, most
_RAW_EXIF = b"Raw profile type exif"

_DAMAGED = "dropped: damaged"
_TOO_LONG = "dropped: larger than 1 MiB"


@dataclass(slots=True)
class OptionalPart:
    """What has been accepted so far of the parts whose total is limited."""

    max_stored_bytes: int = MEBIBYTE
    text_bytes: int = 0
    has_profile: bool = False
    has_exif: bool = False

    def label(self, name: bytes) -> str | None:
        """Return what a chunk contains, for notes; None if nothing that is read."""
        return _LABELS.get(name)


def check_optional(name: bytes, data: bytes, accepted: OptionalPart) -> str:
    """Return why a chunk is left out, or an empty string if it is sound."""
    if name in _LENGTHS:
        return "" if len(data) == _LENGTHS[name] else _DAMAGED
    match name:
        case b"eXIf":
            if accepted.has_exif:  # clause 5.6 allows one
                return _DAMAGED
            accepted.has_exif = True
            return "" if is_readable_exif(data) else _DAMAGED
        case b"iCCP":
            if accepted.has_profile:  # clause 5.6 allows one
                return _DAMAGED
            accepted.has_profile = True
            return _check_profile(data)
        case b"tEXt" | b"zTXt" | b"iTXt":
            return _check_text(name, data, accepted)
    return ""


def fits_header(name: bytes, data: bytes, color_type: int) -> str:
    """Return why transparency or a profile does not suit the color type, else an empty string."""
    if name == b"tRNS":
        least, most = _TRANSPARENCY_LENGTHS.get(color_type, (1, 0))
        return "" if least <= len(data) <= most else _DAMAGED
    if name == b"iCCP":  # clause 11.3.2.3: gray for gray images, RGB for all others
        profile = zlib.decompress(data[data.index(b"\0") + 2 :])
        expected = "GRAY" if color_type in (0, 4) else "RGB"
        if color_space(profile) not in (expected, None):
            return "dropped: wrong color space for this image"
    return ""


def _check_profile(data: bytes) -> str:
    name, found, compressed = data.partition(b"\0")
    if not (name and found and compressed[:1] == b"\0"):
        return _DAMAGED
    return _check_inflated(compressed[1:])[1]


def _check_text(name: bytes, data: bytes, accepted: OptionalPart) -> str:
    if accepted.text_bytes >= _MAX_TEXT_TOTAL:
        return "dropped: larger than 8 MiB"
    keyword, _, rest = data.partition(b"\0")
    text, reason = rest, ""
    if name == b"zTXt":
        text, reason = (b"", "") if not rest else _check_inflated(rest[1:])
        accepted.text_bytes += len(text) if not reason else MEBIBYTE  # its time was spent
        if rest[:1] not in (b"", b"\0"):
            reason = _DAMAGED
    elif name == b"iTXt" and rest[:1] not in (b"", b"\0"):
        text, reason = _check_inflated(rest[2:].split(b"\0", 2)[-1])
        accepted.text_bytes += len(text) if not reason else MEBIBYTE
    if not reason and keyword == _RAW_EXIF and not _is_raw_exif(text):
        reason = _DAMAGED
    if text is rest:
        accepted.text_bytes += len(text)
    return reason


def _check_inflated(compressed: bytes) -> tuple[bytes, str]:
    """Inflate at most 1 MiB, the most that Pillow accepts; return the bytes and what is wrong."""
    inflater = zlib.decompressobj()
    try:
        inflated = inflater.decompress(compressed, MEBIBYTE)
    except zlib.error:
        return b"", _DAMAGED
    if inflater.unconsumed_tail:
        return b"", _TOO_LONG
    return inflated, "" if inflater.eof else _DAMAGED


def _is_raw_exif(text: bytes) -> bool:
    """Return whether ImageMagick's hexadecimal text contains EXIF: name, length, digits by line."""
    try:
        block = bytes.fromhex("".join(text.decode("latin-1").split("\n")[3:]))
    except ValueError:
        return False
    return is_readable_exif(block)
