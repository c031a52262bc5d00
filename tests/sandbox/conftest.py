"""Children that misbehave as decoders can, and the usual ones."""

import tempfile
from collections.abc import Iterator
from typing import BinaryIO

import pytest

from imgctl.sandbox.child import spawn
from imgctl.sandbox.process import ResizeProcess


@pytest.fixture
def process() -> Iterator[ResizeProcess]:
    resizing = ResizeProcess(spawn)
    yield resizing
    resizing.close()


def opened(data: bytes) -> BinaryIO:
    """Return an open file, which has a descriptor, with this content."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 (the caller closes it)
    file.write(data)
    file.seek(0)
    return file
