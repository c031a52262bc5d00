"""The child process: resizes images one after another until its parent hangs up.

Run as `python -m imgctl.sandbox.server DESCRIPTOR`, or called in a process forked from the
function.
"""

import math
import os
import resource
import signal
import socket
import sys
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import BinaryIO

from imgctl.core.errors import Damaged, OutOfMemory, PictureError, UnsupportedFormat
from imgctl.core.formats import ImageFormat
from imgctl.core.limits import Limits
from imgctl.core.resize import resize_each
from imgctl.core.result import ResizeResult
from imgctl.core.source import load_plugin
from imgctl.core.spec import ResizeSpec
from imgctl.sandbox import messages


def serve(connection: socket.socket) -> None:
    """Respond to requests until the parent closes the connection.

    Returns early when memory ran out: what a decoder left allocated would count for the next image.
    """
    _detach()
    connection.sendall(messages.READY)
    while (request := messages.receive_request(connection)) is not None:
        descriptor, specs, limits = request
        try:
            with os.fdopen(descriptor, "rb") as source:
                results = _resize(source, specs, limits)
        except PictureError as error:
            connection.sendall(messages.encode_error(error))
            if isinstance(error, OutOfMemory):
                return
        else:
            connection.sendall(messages.encode_results(results))
            while results:  # the next image gets their memory
                connection.sendall(results.pop(0).data)


def load_every_format() -> None:
    """Load the modules that are otherwise loaded for the first image that needs them."""
    for module in ("core.containers.avif", "core.containers.heic"):
        import_module(f"imgctl.{module}")
    import_module("PIL.ImageCms")
    for image_format in ImageFormat:
        with suppress(UnsupportedFormat):  # HEIC, if the bundle has no decoder
            load_plugin(image_format)


def _resize(source: BinaryIO, specs: Sequence[ResizeSpec], limits: Limits) -> list[ResizeResult]:
    """Resize an image within the limits. Raises PictureError, whatever goes wrong."""
    _limit_process(limits)
    try:
        return resize_each(source, specs, limits)
    except PictureError:
        raise
    except MemoryError as error:
        raise OutOfMemory from error
    except Exception as error:
        raise Damaged(
            f"The image cannot be processed: {type(error).__name__}: {error}.",
            hint="Export it again from the program that created it.",
        ) from error


def _limit_process(limits: Limits) -> None:
    """Limit what the next image may use; the kernel then fails an allocation, or ends the process.

    RLIMIT_DATA counts private writable memory (setrlimit(2)). RLIMIT_CPU counts whole seconds of
    all threads since the process started.
    """
    _set_limit(resource.RLIMIT_DATA, limits.max_process_bytes)
    if limits.max_cpu_seconds is not None:
        _set_limit(resource.RLIMIT_CPU, math.ceil(time.process_time() + limits.max_cpu_seconds))


def _set_limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _detach() -> None:
    """Leave the terminal and the log to the parent, which also handles Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):  # decoders print warnings
        os.dup2(null, descriptor)
    os.close(null)
    warnings.simplefilter("ignore")  # the result's notes say what matters


def main() -> None:
    """Serve the connection whose descriptor is the argument."""
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        serve(connection)


if __name__ == "__main__":
    main()
