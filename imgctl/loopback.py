"""Which requests a server on the loopback address accepts: none that another web page causes.

A page in the user's browser can send requests to the loopback address, too: across sites, or under
a host name of its own that resolves to this machine (DNS rebinding). Browsers say so in headers
that pages cannot forge (Fetch Standard, "Origin"; Fetch Metadata Request Headers).
"""

from collections.abc import Iterable

HOST = "127.0.0.1"

_SAME_SITE = (b"none", b"same-origin")


def foreign_reason(
    port: int, headers: Iterable[tuple[bytes, bytes]], *, may_be_opened: bool = False
) -> str | None:
    """Return why a request is not the user's own, or None if it may be.

    `headers` are those of ASGI: names in lower case. What `may_be_opened` is a page without data:
    a link elsewhere may lead to it, but no other page can read it.
    """
    pairs = list(headers)
    hosts = [value for name, value in pairs if name == b"host"]
    allowed = (f"{HOST}:{port}".encode(), f"localhost:{port}".encode())
    if len(hosts) != 1 or hosts[0].lower() not in allowed:
        return "the Host header is not the loopback address with its port"
    own_origin = b"http://" + hosts[0].lower()
    if any(name == b"origin" and value.lower() != own_origin for name, value in pairs):
        return "the request comes from a web page of another origin"
    if may_be_opened and (b"sec-fetch-mode", b"navigate") in pairs:
        return None
    if any(name == b"sec-fetch-site" and value not in _SAME_SITE for name, value in pairs):
        return "the request comes from a web page of another site"
    return None
