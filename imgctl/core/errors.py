"""The root of all errors that imgctl raises on purpose, and the image core's own errors."""

from typing import ClassVar


class Hint:
    """What to do next, and the commands that do it.

    Each `{}` in `text` stands for one of `commands`, written without the program's name:
    `Hint("Run {} first.", "deploy")`. Whoever shows the hint knows which global options were
    given, and passes the program with them: `imgctl --local --stack photos`.
    """

    __slots__ = ("commands", "text")

    def __init__(self, text: str, *commands: str) -> None:
        self.text = text
        self.commands = commands

    def render(self, program: str = "imgctl") -> str:
        """Return the text with each command as `program command`, in backticks."""
        if not self.commands:
            return self.text  # which may quote a file name with braces
        return self.text.format(*(f"`{program} {command}`" for command in self.commands))


class ImgctlError(Exception):
    """An error that a person can act on.

    `code` is stable and for machines, `message` says what is wrong in one sentence, and `hint`
    says what to do next.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, hint: str | Hint = "") -> None:
        super().__init__(message)
        self.message = message
        self._hint = Hint(hint) if isinstance(hint, str) else hint

    @property
    def hint(self) -> str:
        """The hint with plain commands, such as `imgctl deploy`."""
        return self._hint.render()

    def hint_for(self, program: str) -> str:
        """Return the hint with commands as they are to be called here (see `Hint`)."""
        return self._hint.render(program)


class InvalidInput(ImgctlError):
    """What the user gave cannot be used: the command exits with 2, as for wrong usage."""

    code: ClassVar[str] = "usage"


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
