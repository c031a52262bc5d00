"""Metadata in JPEG segments, beyond what Pillow's `save` writes: IPTC, and XMP of any length."""

import hashlib
from collections.abc import Mapping
from typing import Any

from imgctl.core.photoshop import JPEG_SIGNATURE, iptc_resource

MAX_SEGMENT = 65_533
"""The most data of one segment, whose length has 16 bits and includes itself (T.81 B.1.1.4)."""

MAX_IPTC = MAX_SEGMENT - len(JPEG_SIGNATURE) - 13  # the resource's header and padding

_APP1, _APP13 = 0xE1, 0xED
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_EXTENDED_PART = 65_400  # of extended XMP in one segment (XMP specification, part 3, 1.1.3.1)

_MAIN_PACKET = """<x:xmpmeta xmlns:x="adobe:ns:meta/">\
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\
<rdf:Description rdf:about="" xmlns:xmpNote="http://ns.adobe.com/xmp/note/" \
xmpNote:HasExtendedXMP="{digest}"/></rdf:RDF></x:xmpmeta>"""


def as_segments(options: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the options `iptc` and too long `xmp` into segments, Pillow's option `extra`."""
    options = dict(options)
    extra = b""
    if iptc := options.pop("iptc", None):
        extra += _segment(_APP13, JPEG_SIGNATURE + iptc_resource(iptc))
    xmp = options.get("xmp", b"")
    if len(xmp) > MAX_SEGMENT - len(_XMP):
        digest = hashlib.md5(xmp, usedforsecurity=False).hexdigest().upper()
        options["xmp"] = _MAIN_PACKET.format(digest=digest).encode()
        extra += b"".join(
            _segment(_APP1, _extended_part(xmp, start, digest))
            for start in range(0, len(xmp), _EXTENDED_PART)
        )
    return options | ({"extra": extra} if extra else {})


def _extended_part(xmp: bytes, start: int, digest: str) -> bytes:
    place = len(xmp).to_bytes(4) + start.to_bytes(4)
    return _EXTENDED_XMP + digest.encode() + place + xmp[start : start + _EXTENDED_PART]


def _segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(data) + 2).to_bytes(2) + data
