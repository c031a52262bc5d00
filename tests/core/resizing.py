"""The call that most tests of the core make."""

import io

from imgctl.core.limits import Limits
from imgctl.core.resize import resize
from imgctl.core.result import ResizeResult
from imgctl.core.spec import ResizeSpec


def halve(data: bytes, spec: ResizeSpec | None = None, **limits: int) -> ResizeResult:
    """Resize an encoded image, by default to half its size."""
    return resize(io.BytesIO(data), spec or ResizeSpec(), Limits(**limits))
