"""XMP packets (ISO 16684-1): removing what is untrue of a resized image.

The packet is edited in place, so that all else keeps its bytes.
"""

import re
from dataclasses import dataclass, field
from xml.parsers import expat

_TIFF = "http://ns.adobe.com/tiff/1.0/"
_XMP = "http://ns.adobe.com/xap/1.0/"
_NOTE = "http://ns.adobe.com/xmp/note/"
_ADDED_IMAGES = (  # what describes images or videos that follow the image in its file
    "http://ns.adobe.com/hdr-gain-map/1.0/",
    "http://ns.apple.com/HDRGainMap/1.0/",
    "http://ns.google.com/photos/1.0/container/",
    "http://ns.google.com/photos/1.0/container/item/",
)
_MOTION_PHOTO = ("MicroVideo", "MotionPhoto")  # of Google, and of others under their own names

# Where none of these occurs, there is nothing to remove.
_SIGNS = (
    b"Orientation",
    b"Thumbnails",
    b"HasExtendedXMP",
    b"hdr-gain-map",
    b"HDRGainMap",
    b"photos/1.0/container/",
    *(name.encode() for name in _MOTION_PHOTO),
)

_START_TAG = re.compile(rb"""<(?:[^"'>]|"[^"]*"|'[^']*')*>""")
_ATTRIBUTE = re.compile(rb"""(?<!\s)\s+([^\s=/>]+)\s*=\s*("[^"]*"|'[^']*')""")

_MAX_NAMESPACES = 256  # in force at once: packets have some twenty

_UNREADABLE = "XMP dropped: damaged"
_CLAIMS_REMOVED = "gain map and motion photo entries removed from XMP"
_EXTENDED_DROPPED = "extended XMP dropped"


def upright_alone(packet: bytes) -> tuple[bytes | None, tuple[str, ...]]:
    """Return a packet that is true of an upright image on its own, and notes on what is lost.

    The orientation becomes 1. Thumbnails go, and claims that a gain map, a video or more XMP
    follows. The packet is None if it cannot be read.
    """
    text = packet.rstrip(b"\0")
    if b"\0" in text:  # UTF-16, although packets in image files are UTF-8 (ISO 16684-1, 7.1)
        return None, (_UNREADABLE,)
    if not any(sign in text for sign in _SIGNS):
        return packet, ()
    editor = _Editor(text)
    try:
        return editor.edited(), tuple(editor.notes)
    except (expat.ExpatError, ValueError):
        return None, (_UNREADABLE,)


@dataclass(slots=True)
class _Element:
    """An open element: where its content starts, and what becomes of it."""

    start: int
    content: int
    scope: dict[str, str]
    removed: bool
    upright: bool
    empty: bool


@dataclass(slots=True)
class _Editor:
    packet: bytes
    notes: dict[str, None] = field(default_factory=dict)
    edits: list[tuple[int, int, bytes]] = field(default_factory=list)
    open: list[_Element] = field(default_factory=list)

    def edited(self) -> bytes:
        self.packet.decode("utf-8")  # ISO 16684-1, 7.1; bytes are edited
        parser = expat.ParserCreate()
        parser.StartElementHandler = lambda name, attributes: self._start(
            parser.CurrentByteIndex, name, attributes
        )
        parser.EndElementHandler = lambda _: self._end(parser.CurrentByteIndex)
        parser.StartDoctypeDeclHandler = _refuse_doctype
        parser.Parse(self.packet, True)  # noqa: FBT003 (it takes no keyword)
        pieces, kept_from = [], 0
        for start, end, replacement in sorted(self.edits):
            pieces += [self.packet[kept_from:start], replacement]
            kept_from = end
        return b"".join([*pieces, self.packet[kept_from:]])

    def _start(self, start: int, name: str, attributes: dict[str, str]) -> None:
        tag = _START_TAG.match(self.packet, start)
        if tag is None:
            raise ValueError("an element without a start tag")
        scope = self.open[-1].scope if self.open else {}
        declared = {k[6:]: v for k, v in attributes.items() if k.partition(":")[0] == "xmlns"}
        if declared:
            scope = scope | declared
            if len(scope) > _MAX_NAMESPACES:
                raise ValueError("too many namespaces")
        inside_removed = bool(self.open) and self.open[-1].removed
        known = _resolved(name if ":" in name else f":{name}", scope)
        removed = inside_removed or self._is_untrue(*known)
        if not removed:
            self._edit_attributes(start, tag.group(), scope)
        upright = known == (_TIFF, "Orientation")
        empty = tag.group().endswith(b"/>")
        self.open.append(_Element(start, tag.end(), scope, removed, upright, empty))

    def _end(self, position: int) -> None:
        element = self.open.pop()
        end = element.content if element.empty else self.packet.index(b">", position) + 1
        outermost = not (self.open and self.open[-1].removed)
        if element.removed:
            if outermost:
                self.edits.append((element.start, end, b""))
        elif element.upright and not element.empty:
            self.edits.append((element.content, position, b"1"))

    def _edit_attributes(self, start: int, tag: bytes, scope: dict[str, str]) -> None:
        for attribute in _ATTRIBUTE.finditer(tag):
            known = _resolved(attribute.group(1).decode(), scope)
            first, last = start + attribute.start(), start + attribute.end()
            if known == (_TIFF, "Orientation"):
                self.edits.append((start + attribute.start(2), last, b'"1"'))
            elif self._is_untrue(*known):
                self.edits.append((first, last, b""))

    def _is_untrue(self, namespace: str, name: str) -> bool:
        if namespace in _ADDED_IMAGES or name.startswith(_MOTION_PHOTO):
            self.notes[_CLAIMS_REMOVED] = None
            return True
        if (namespace, name) == (_NOTE, "HasExtendedXMP"):
            self.notes[_EXTENDED_DROPPED] = None
            return True
        return (namespace, name) == (_XMP, "Thumbnails")


def _resolved(name: str, scope: dict[str, str]) -> tuple[str, str]:
    """Return namespace and local name; an attribute without a prefix is in no namespace."""
    prefix, colon, local = name.partition(":")
    return (scope.get(prefix, ""), local) if colon and prefix != "xmlns" else ("", "")


def _refuse_doctype(*_: object) -> None:
    raise ValueError("XMP has no document type")  # its entities could expand without bound
