"""Packets are edited in place: what is removed is gone, and all else keeps its bytes."""

import xml.etree.ElementTree as ET

import pytest

from imgctl.core.xmp import upright_alone

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
HEAD = f"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='{RDF}'>"
TAIL = "</rdf:RDF></x:xmpmeta>"
TIFF = "xmlns:tiff='http://ns.adobe.com/tiff/1.0/'"
CAMERA = "xmlns:GCamera='http://ns.google.com/photos/1.0/camera/'"
GAIN_MAP = "xmlns:g='http://ns.adobe.com/hdr-gain-map/1.0/'"
NOTE = "xmlns:xmpNote='http://ns.adobe.com/xmp/note/'"
CLAIM_NOTE = "gain map and motion photo entries removed from XMP"


def edited(description: str) -> tuple[str, tuple[str, ...]]:
    packet, notes = upright_alone((HEAD + description + TAIL).encode())
    assert packet is not None
    ET.fromstring(packet)  # noqa: S314 (made here)
    text = packet.decode()
    assert text.startswith(HEAD)
    assert text.endswith(TAIL)
    return text[len(HEAD) : -len(TAIL)], notes


@pytest.mark.parametrize(
    ("before", "after", "notes"),
    [
        (
            f"<rdf:Description {TIFF} tiff:Orientation='6' tiff:Make='Ä > b'/>",
            f"<rdf:Description {TIFF} tiff:Orientation=\"1\" tiff:Make='Ä > b'/>",
            (),
        ),
        (
            f"<rdf:Description {TIFF}><tiff:Orientation>8</tiff:Orientation></rdf:Description>",
            f"<rdf:Description {TIFF}><tiff:Orientation>1</tiff:Orientation></rdf:Description>",
            (),
        ),
        (
            f"<rdf:Description {CAMERA} GCamera:MotionPhoto='1'\n GCamera:Other='2'/>",
            f"<rdf:Description {CAMERA}\n GCamera:Other='2'/>",
            (CLAIM_NOTE,),
        ),
        (
            f"<rdf:Description {CAMERA}><GCamera:MicroVideo>1</GCamera:MicroVideo>"
            "<a>Orientation</a></rdf:Description>",
            f"<rdf:Description {CAMERA}><a>Orientation</a></rdf:Description>",
            (CLAIM_NOTE,),
        ),
        (
            f"<rdf:Description {GAIN_MAP} g:Version='1.0'><g:Max><a><g:Max/></a></g:Max>"
            "<g:Min/>.</rdf:Description>",
            f"<rdf:Description {GAIN_MAP}>.</rdf:Description>",
            (CLAIM_NOTE,),
        ),
        (
            "<a><Directory xmlns='http://ns.google.com/photos/1.0/container/'><b/></Directory></a>",
            "<a></a>",
            (CLAIM_NOTE,),
        ),
        (
            f"<rdf:Description {NOTE} xmpNote:HasExtendedXMP='0123'/>",
            f"<rdf:Description {NOTE}/>",
            ("extended XMP dropped",),
        ),
        ("<a b='Orientation=&quot;6&quot;'/>", "<a b='Orientation=&quot;6&quot;'/>", ()),
    ],
)
def test_only_what_is_untrue_is_removed(before: str, after: str, notes: tuple[str, ...]) -> None:
    assert edited(before) == (after, notes)


@pytest.mark.parametrize(
    "packet",
    [
        b"<x MotionPhoto",
        b"<!DOCTYPE x [<!ENTITY a 'MotionPhoto'>]><x>&a;</x>",
        "<?xml version='1.0' encoding='utf-16'?><x MotionPhoto='1'/>".encode("utf-16"),
        b"<x MotionPhoto='\xff'/>",
    ],
)
def test_a_packet_that_cannot_be_read_is_dropped_if_it_may_be_untrue(packet: bytes) -> None:
    assert upright_alone(packet) == (None, ("XMP dropped: damaged",))


@pytest.mark.parametrize(
    "packet",
    [
        b"<x xmlns:g='http://ns.adobe.com/hdr-gain-map/1.0/'>" + b"<g:a/>" * 200_000 + b"</x>",
        b"<MotionPhoto>" + b"<a>" * 200_000 + b"</a>" * 200_000 + b"</MotionPhoto>",
        b"<x " + b" ".join(b"xmlns:a%d='b'" % n for n in range(50_000)) + b">MotionPhoto</x>",
        b"<x>MotionPhoto" + b"<a b='>'" * 200_000,
    ],
)
def test_a_large_hostile_packet_is_edited_or_dropped(packet: bytes) -> None:
    kept, notes = upright_alone(packet)  # in linear time: a quadratic one would take minutes
    assert (kept is None) == (notes == ("XMP dropped: damaged",))
