"""Who may send requests to the embedded AWS: programs on this machine, but no web page."""

from collections.abc import Iterable

from imgctl.loopback import foreign_reason

HEALTH_PATH = "/_ministack/health"

_ADMIN_PREFIX = "/_ministack/"


def rejection(port: int, path: str, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return why a request is rejected, or None if it may be processed.

    `headers` are those of ASGI: names in lower case. The emulator's own administration, which
    knows no credentials, is closed except for its health check.
    """
    if (reason := foreign_reason(port, headers)) is not None:
        return reason
    if path.startswith(_ADMIN_PREFIX) and path != HEALTH_PATH:
        return "the emulator's administration is not available"
    return None
