"""What the two processes send each other.

The request is a pickle, because the child trusts its parent. The response is JSON and the encoded
images: the child has decoded what may be hostile, and its parent executes nothing from it.
"""

import json
import pickle
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
MAX_LINE_BYTES = 1_048_576

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
    """The results without their encoded images, which follow it one after another.

    `data_bytes` are their sizes.
    """

    results: tuple[ResizeResult, ...]
    data_bytes: tuple[int, ...]

    def with_data(self, data: Sequence[bytes]) -> list[ResizeResult]:
        """Return the whole results."""
        return [replace(one, data=own) for one, own in zip(self.results, data, strict=True)]


def send_request(
    connection: socket.socket, source: BinaryIO, specs: Sequence[ResizeSpec], limits: Limits
) -> None:
    """Send a request, with a descriptor of the file `source`, which may be unnamed."""
    request = pickle.dumps((tuple(specs), limits))
    length = len(request).to_bytes(_LENGTH_BYTES, "big")
    socket.send_fds(connection, [length], [source.fileno()])
    connection.sendall(request)


def receive_request(
    connection: socket.socket,
) -> tuple[int, tuple[ResizeSpec, ...], Limits] | None:
    """Receive the parent's next request: a file's descriptor, the specs and the limits.

    None if the parent has closed the connection.
    """
    length, descriptors, _, _ = socket.recv_fds(connection, _LENGTH_BYTES, 1)
    if not length:
        return None
    request = connection.recv(int.from_bytes(length, "big"), socket.MSG_WAITALL)
    specs, limits = pickle.loads(request)  # noqa: S301 (the parent's own)
    return descriptors[0], specs, limits


def encode_results(results: Sequence[ResizeResult]) -> bytes:
    """Return the header of a response; each result's `data` follows it."""
    return _line({"results": [_result_document(result) for result in results]})


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
        results = document["results"]
        return ResponseHeader(
            tuple(_result(item) for item in results),
            tuple(int(item["data_bytes"]) for item in results),
        )
    except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as error:
        raise BadResponse(f"not a response: {line[:100]!r}") from error


def _line(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode() + b"\n"


def _result_document(result: ResizeResult) -> dict[str, Any]:
    return {
        "data_bytes": len(result.data),
        "original": _image_document(result.original),
        "resized": _image_document(result.resized),
        "notes": [note[:_MAX_TEXT] for note in result.notes],
        "quality": result.quality,
    }


def _result(document: dict[str, Any]) -> ResizeResult:
    quality = document["quality"]
    return ResizeResult(
        data=b"",
        original=_image_info(document["original"]),
        resized=_image_info(document["resized"]),
        notes=tuple(str(note) for note in document["notes"]),
        quality=None if quality is None else int(quality),
    )


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
