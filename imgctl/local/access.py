"""Who may send requests to the embedded AWS: programs on this machine, but no web page.

A page in the user's browser can send requests to the loopback address, too: across sites, or under
a host name of its own that resolves to this machine (DNS rebinding). Browsers say so in headers
that pages cannot forge (Fetch Standard, "Origin"; Fetch Metadata Request Headers).
"""

from collections.abc import Iterable

HEALTH_PATH = "/_ministack/health"

_ADMIN_PREFIX = "/_ministack/"
_SAME_SITE = (b"none", b"same-origin")


def rejection(port: int, path: str, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return why a request is rejected, or None if it may be processed.

    `headers` are those of ASGI: names in lower case. The emulator's own administration, which
    knows no credentials, is closed except for its health check.
    """
    pairs = list(headers)
    hosts = [value for name, value in pairs if name == b"host"]
    allowed = {f"127.0.0.1:{port}".encode(), f"localhost:{port}".encode()}
    if len(hosts) != 1 or hosts[0].lower() not in allowed:
        return "the Host header is not the loopback address with its port"
    origins = {f"http://{host.decode()}".encode() for host in allowed}
    if any(name == b"origin" and value.lower() not in origins for name, value in pairs):
        return "the request comes from a web page of another origin"
    if any(name == b"sec-fetch-site" and value not in _SAME_SITE for name, value in pairs):
        return "the request comes from a web page of another site"
    if path.startswith(_ADMIN_PREFIX) and path != HEALTH_PATH:
        return "the emulator's administration is not available"
    return None
