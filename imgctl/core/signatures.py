"""Signatures of file formats that are refused, so that the error can name them."""

import zlib

_STARTS = (
    # Camera RAW
    (b"IIRO", "ORF"),
    (b"IIRS", "ORF"),
    (b"MMOR", "ORF"),
    (b"IIU\x00", "RW2"),
    (b"FUJIFILMCCD-RAW", "RAF"),
    (b"FOVb", "X3F"),
    (b"\x00MRM", "MRW"),
    (b"II\x1a\x00\x00\x00HEAPCCDR", "CRW"),
    # Documents and vector graphics
    (b"%!PS", "EPS"),
    (b"\xc5\xd0\xd3\xc6", "EPS"),
    (b"%PDF-", "PDF"),
    (b"\xd7\xcd\xc6\x9a", "WMF"),
    (b"\x01\x00\x09\x00\x00\x03", "WMF"),
    (b"AT&TFORM", "DjVu"),
    # Editors
    (b"8BPS\x00\x02", "PSB (large Photoshop)"),
    (b"8BPS", "Photoshop"),
    (b"gimp xcf", "XCF (GIMP)"),
    # Pictures
    (b"\x00\x00\x01\x00", "ICO"),
    (b"\x00\x00\x02\x00\x01\x00", "CUR"),
    (b"icns", "ICNS"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"II\xbc\x01", "JPEG XR"),
    (b"II\xbc\x00", "JPEG XR"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"#?RGBE", "Radiance HDR"),
    (b"DDS ", "DDS"),
    (b"\xabKTX ", "KTX"),
    (b"SIMPLE  =", "FITS"),
    (b"farbfeld", "Farbfeld"),
    (b"qoif", "QOI"),
    (b"BPG\xfb", "BPG"),
    (b"FLIF", "FLIF"),
    (b"\x8aMNG\r\n\x1a\n", "MNG"),
    (b"\x8bJNG\r\n\x1a\n", "JNG"),
    (b"SDPX", "DPX"),
    (b"XPDS", "DPX"),
    (b"\x59\xa6\x6a\x95", "Sun raster"),
    (b"/* XPM */", "XPM"),
)
_AT = (  # offset, signature, name; the first bytes alone would not do
    (8, b"CR\x02", "CR2"),
    (8, b"IIII", "IIQ"),
    (8, b"MMMM", "IIQ"),
    (40, b" EMF", "EMF"),
    (128, b"DICM", "DICOM"),
)
_NETPBM = {
    b"P1": "PBM", b"P4": "PBM", b"P2": "PGM", b"P5": "PGM", b"P3": "PPM", b"P6": "PPM",
    b"P7": "PAM", b"PF": "PFM", b"Pf": "PFM",
}  # fmt: skip
_TARGA_FOOTER = b"TRUEVISION-XFILE.\x00"
_GZIP = b"\x1f\x8b\x08"
_VIDEO_BOXES = (b"moov", b"mdat", b"wide", b"pnot", b"skip", b"free")  # QuickTime without `ftyp`


def unsupported_name(head: bytes) -> str | None:
    """Return the name of a known format that is refused, or None."""
    for start, name in _STARTS:
        if head.startswith(start):
            return name
    for offset, signature, name in _AT:
        if head[offset : offset + len(signature)] == signature and _is_plausible(head, name):
            return name
    if head[:2] in _NETPBM and head[2:3] in b" \t\r\n" and len(head) > 2:
        return _NETPBM[head[:2]]
    if _is_svg(head):
        return "SVG"
    if head.startswith(_GZIP) and _is_svg(_unzipped(head)):
        return "SVGZ (compressed SVG)"
    return None


def is_targa(tail: bytes) -> bool:
    """Return whether these are the last bytes of a Targa file, which begins with no signature."""
    return tail.endswith(_TARGA_FOOTER)


def video_name(head: bytes) -> str | None:
    """Return what kind of video this is, or None."""
    if head[4:8] in _VIDEO_BOXES:
        return "QuickTime video"
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "Matroska or WebM video"
    return "AVI video" if head[:4] == b"RIFF" and head[8:12] == b"AVI " else None


def _is_plausible(head: bytes, name: str) -> bool:
    """Return whether a signature that is not at the beginning is where its format has it."""
    match name:
        case "CR2":  # the first directory follows this signature
            return head.startswith(b"II*\x00\x10\x00\x00\x00")
        case "IIQ":  # these bytes alone can be pixels
            return head[:2] in (b"II", b"MM") and head[12:16].strip(b"\0") in (b"Raw", b"waR")
        case "EMF":
            return head.startswith(b"\x01\x00\x00\x00")
        case _:  # DICOM, whose first 128 bytes are free: a TIFF can be both
            return not head.startswith((b"II", b"MM", b"BM"))


def _is_svg(head: bytes) -> bool:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return text.startswith((b"<svg", b"<!doctype svg")) or (
        text.startswith((b"<?xml", b"<!--")) and b"svg" in text
    )


def _unzipped(head: bytes) -> bytes:
    try:
        return zlib.decompressobj(31).decompress(head, 512)  # 31: with a gzip header
    except zlib.error:
        return b""
