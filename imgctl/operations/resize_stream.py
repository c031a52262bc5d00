"""Resizing one image from a stream, such as a pipe."""

import tempfile
from typing import BinaryIO

from imgctl.core.limits import MEBIBYTE, Limits
from imgctl.core.result import ResizeResult
from imgctl.core.spec import ResizeSpec
from imgctl.sandbox.child import spawn
from imgctl.sandbox.process import ResizeProcess


def resize_stream(source: BinaryIO, spec: ResizeSpec, limits: Limits) -> ResizeResult:
    """Resize the image that a stream contains, in a child process.

    The stream is copied to a temporary file, because reading an image needs one. Raises a
    PictureError, as `core.resize.resize` does; TooLarge as soon as too many bytes have arrived.
    """
    process = ResizeProcess(spawn)
    with tempfile.TemporaryFile() as file:
        copied = 0
        while chunk := source.read(MEBIBYTE):
            copied += len(chunk)
            limits.check_bytes(copied)
            file.write(chunk)
        file.seek(0)
        try:
            return process.resize(file, [spec], limits)[0]
        finally:
            process.close()
