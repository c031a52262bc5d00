"""RAW files of cameras that are built like TIFF, recognized by what only they contain."""

from collections.abc import Sequence

from imgctl.core.containers.tiff_directory import Directory, DirectoryReader, Tag

_SENSOR_DATA = (32803, 34892)  # PhotometricInterpretation: CFA, LinearRaw (DNG 1.7, TIFF/EP)
_RAW_COMPRESSIONS = {
    32767: "ARW",  # Sony
    32769: "SRW",  # packed
    32770: "SRW",
    32772: "SRW",
    34713: "NEF",
    34892: "DNG",  # lossy JPEG
    65000: "Kodak RAW",
    65535: "PEF",
}
_BY_MAKER = {  # how the maker's name begins -> the kind of file
    "NIKON": "NEF",
    "CANON": "CR2",
    "SONY": "ARW",
    "PENTAX": "PEF",
    "RICOH": "PEF",
    "SAMSUNG": "SRW",
    "OLYMPUS": "ORF",
    "OM DIGITAL": "ORF",
    "PANASONIC": "RW2",
    "LEICA": "RWL",
    "FUJI": "RAF",
    "SEIKO EPSON": "ERF",
    "EPSON": "ERF",
    "HASSELBLAD": "3FR",
    "PHASE ONE": "IIQ",
    "LEAF": "MOS",
    "MAMIYA": "MEF",
    "KODAK": "Kodak RAW",
    "EASTMAN KODAK": "Kodak RAW",
}
_MAX_SUB_DIRECTORIES = 16
_REDUCED_RESOLUTION = 1  # NewSubfileType, bit 0


def raw_name(reader: DirectoryReader, pages: Sequence[Directory]) -> str | None:
    """Return the kind of RAW file that this is, such as "NEF", or None for a picture.

    A maker's name alone says nothing: programs of camera makers write ordinary TIFFs too. The
    file must hold sensor data, be compressed as only a camera does, or be marked as DNG.
    """
    first = pages[0]
    if Tag.DNG_VERSION in first.entries:
        return "DNG"
    maker = next((reader.text(page, Tag.MAKE) for page in pages if Tag.MAKE in page.entries), "")
    by_maker = next((k for name, k in _BY_MAKER.items() if maker.upper().startswith(name)), None)
    if by_maker == "ARW" and Tag.DNG_PRIVATE_DATA in first.entries:
        return "ARW"  # Sony's SR2 block: an ordinary TIFF has none
    sub_directories = [
        reader.read(offset)
        for page in pages[:_MAX_SUB_DIRECTORIES]
        for offset in reader.integers(page.entries.get(Tag.SUB_DIRECTORIES), _MAX_SUB_DIRECTORIES)
    ][:_MAX_SUB_DIRECTORIES]
    for directory in [*pages[:_MAX_SUB_DIRECTORIES], *sub_directories]:
        compression = reader.integer(directory, Tag.COMPRESSION)
        if reader.integer(directory, Tag.PHOTOMETRIC) in _SENSOR_DATA:
            return by_maker or _RAW_COMPRESSIONS.get(compression, "camera RAW")
        if compression in _RAW_COMPRESSIONS:
            return by_maker or _RAW_COMPRESSIONS[compression]
    has_main_image_elsewhere = sub_directories and any(
        not reader.integer(directory, Tag.SUBFILE_TYPE) & _REDUCED_RESOLUTION
        for directory in sub_directories
    )
    reduced = reader.integer(first, Tag.SUBFILE_TYPE) & _REDUCED_RESOLUTION
    return by_maker if reduced and has_main_image_elsewhere else None
