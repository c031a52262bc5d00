"""The base class of imgctl's own errors, and the errors of the image core."""

from typing import ClassVar


class Hint:
    """What to do next, and the commands that do it.

    Each `{}` in `text` stands for one of `commands`, written without the program's name:
    `Hint("Run {} first.", "deploy")`. The caller that shows the hint knows the global options in
    use and passes the program name with them: `imgctl --local --stack photos`.
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
    """An error with a message and a hint for the user.

    `code` is a stable identifier for programs, `message` one sentence about what is wrong, and
    `hint` what to do next.
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
        """Return the hint with each command prefixed by `program` (see `Hint`)."""
        return self._hint.render(program)


class InvalidInput(ImgctlError):
    """The user's input is invalid: the command exits with 2, as for a usage error."""

    code: ClassVar[str] = "usage"


class PictureError(ImgctlError):
    """The image cannot be processed: a retry with the same bytes would fail again."""

    code: ClassVar[str] = "picture"


class NotAnImage(PictureError):
    """The file is not in any image format."""

    code: ClassVar[str] = "not_an_image"


class UnsupportedFormat(PictureError):
    """The file is in a known format that imgctl does not support."""

    code: ClassVar[str] = "unsupported_format"


class TooLarge(PictureError):
    """The image exceeds a limit on bytes, pixels or memory."""

    code: ClassVar[str] = "too_large"


class OutOfMemory(TooLarge):
    """Memory ran out while the image was processed."""

    def __init__(
        self,
        message: str = "Not enough memory to process the image.",
        *,
        hint: str | Hint = "Reduce its size first.",
    ) -> None:
        super().__init__(message, hint=hint)


class TooSlow(PictureError):
    """Processing the image exceeds a limit on time."""

    code: ClassVar[str] = "too_slow"


class Truncated(PictureError):
    """The file ends before the image data does."""

    code: ClassVar[str] = "truncated"


class Damaged(PictureError):
    """The file has the signature of an image format, but its content cannot be decoded."""

    code: ClassVar[str] = "damaged"
