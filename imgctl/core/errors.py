"""The one root of every error that imgctl raises on purpose, and the core's own branch of it."""

from typing import ClassVar


class ImgctlError(Exception):
    """An error that a person can act on.

    `code` is stable and for machines, `message` says what is wrong in one sentence, and `hint`
    says what to do next.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class PictureError(ImgctlError):
    """The picture itself is at fault: trying again with the same bytes fails again."""

    code: ClassVar[str] = "picture"


class NotAnImage(PictureError):
    """The bytes are of no image format at all."""

    code: ClassVar[str] = "not_an_image"


class UnsupportedFormat(PictureError):
    """The bytes are of a known format that imgctl does not process."""

    code: ClassVar[str] = "unsupported_format"


class TooLarge(PictureError):
    """The picture exceeds a limit on bytes or on pixels times frames."""

    code: ClassVar[str] = "too_large"


class Truncated(PictureError):
    """The file ends before the picture does."""

    code: ClassVar[str] = "truncated"


class Damaged(PictureError):
    """The file has an image format's signature, but its content cannot be decoded."""

    code: ClassVar[str] = "damaged"
