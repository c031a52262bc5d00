"""How much of a picture's metadata a result keeps."""

from enum import StrEnum


class Metadata(StrEnum):
    """How much is kept. The colour profile always is: without it the colours are others."""

    SAFE = "safe"  # EXIF without position, maker's notes and XMP
    ALL = "all"  # whatever the output's format can hold
    NONE = "none"  # no EXIF, no XMP, no resolution
