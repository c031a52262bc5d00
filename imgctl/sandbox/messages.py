"""What the two processes send each other.

The request is a pickle, because the child trusts its parent. The response is JSON and the encoded
image: the child has decoded what may be hostile, and its parent executes nothing from it.
"""

import json
import pickle
import socket
from dataclasses import dataclass
from typing import Any, BinaryIO

from imgctl.core.errors import (
    Damaged,
    NotAnImage,
    OutOfMemory,
    PictureError,
    TooLarge,
    Truncated,
    UnsupportedFormat,
)
from imgctl.core.formats import ImageFormat
from imgctl.core.geometry import ImageInfo, Size
from imgctl.core.limits import Limits
from imgctl.core.result import ResizeResult
from imgctl.core.spec import ResizeSpec

READY = b"ready\n"
MAX_LINE_BYTES = 65_536

_ERRORS: dict[str, type[PictureError]] = {
    error.__name__: error
    for error in (Damaged, NotAnImage, OutOfMemory, TooLarge, Truncated, UnsupportedFormat)
}
_LENGTH_BYTES = 4
_MAX_TEXT = 2_000  # characters of an error or a note, which may quote the image


class BadResponse(ValueError):
    """The child sent something else than a response."""


@dataclass(frozen=True, slots=True)
class ResponseHeader:
    """The response without the encoded image, which has `data_bytes` bytes and follows."""

    data_bytes: int
    original: ImageInfo
    resized: ImageInfo
    notes: tuple[str, ...]

    def with_data(self, data: bytes) -> ResizeResult:
        """Return the whole result."""
        return ResizeResult(data, self.original, self.resized, self.notes)


def send_request(
    connection: socket.socket, source: BinaryIO, spec: ResizeSpec, limits: Limits
) -> None:
    """Send a request, with a descriptor of the file `source`, which may be unnamed."""
    request = pickle.dumps((spec, limits))
    length = len(request).to_bytes(_LENGTH_BYTES, "big")
    socket.send_fds(connection, [length], [source.fileno()])
    connection.sendall(request)


def receive_request(connection: socket.socket) -> tuple[int, ResizeSpec, Limits] | None:
    """Receive the parent's next request: a file's descriptor, the spec and the limits.

    None if the parent has closed the connection.
    """
    length, descriptors, _, _ = socket.recv_fds(connection, _LENGTH_BYTES, 1)
    if not length:
        return None
    request = connection.recv(int.from_bytes(length, "big"), socket.MSG_WAITALL)
    spec, limits = pickle.loads(request)  # noqa: S301 (the parent's own)
    return descriptors[0], spec, limits


def encode_result(result: ResizeResult) -> bytes:
    """Return the header of a response; `result.data` follows it."""
    return _line(
        {
            "data_bytes": len(result.data),
            "original": _image_document(result.original),
            "resized": _image_document(result.resized),
            "notes": [note[:_MAX_TEXT] for note in result.notes],
        }
    )


def encode_error(error: PictureError) -> bytes:
    """Return the response for an image that cannot be processed."""
    name = next(cls.__name__ for cls in type(error).__mro__ if cls.__name__ in _ERRORS)
    return _line(
        {"error": name, "message": error.message[:_MAX_TEXT], "hint": error.hint[:_MAX_TEXT]}
    )


def decode_response(line: bytes) -> ResponseHeader | PictureError:
    """Read the header of a response. Raises BadResponse for anything else."""
    try:
        document = json.loads(line)
        if "error" in document:
            return _ERRORS[document["error"]](str(document["message"]), hint=str(document["hint"]))
        return ResponseHeader(
            data_bytes=int(document["data_bytes"]),
            original=_image_info(document["original"]),
            resized=_image_info(document["resized"]),
            notes=tuple(str(note) for note in document["notes"]),
        )
    except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as error:
        raise BadResponse(f"not a response: {line[:100]!r}") from error


def _line(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode() + b"\n"


def _image_document(info: ImageInfo) -> dict[str, Any]:
    return {
        "size": [info.size.width, info.size.height],
        "format": info.format.value,
        "mode": info.mode,
        "frames": info.frames,
        "file_bytes": info.file_bytes,
    }


def _image_info(document: dict[str, Any]) -> ImageInfo:
    width, height = document["size"]
    return ImageInfo(
        Size(int(width), int(height)),
        ImageFormat(document["format"]),
        str(document["mode"]),
        int(document["frames"]),
        int(document["file_bytes"]),
    )
