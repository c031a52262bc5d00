"""Who may send requests to the gallery: its own page, in the browser of the user who has its URL.

Another web page is recognized by the headers that browsers send (`imgctl.loopback`), and another
user of the machine by the lack of the token, which only the URL contains. The page itself holds no
data, so that it needs no token: a browser reloads it without.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from imgctl.loopback import foreign_reason

STATIC_PATHS = ("/", "/favicon.ico")
TOKEN_HEADER = b"x-imgctl-token"

HEADERS = {
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
"""Headers of every response. There is none of CORS, so that no other page can read one."""

NO_CONTENT_POLICY = "default-src 'none'; frame-ancestors 'none'"
"""The `Content-Security-Policy` of every response but the page."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a request is not processed, as an HTTP status, a code and a sentence."""

    status: int
    code: str
    message: str


def new_token() -> str:
    """Return a token that nobody can guess: 256 random bits."""
    return secrets.token_urlsafe(32)


def rejection(
    port: int, token: str, path: str, headers: Iterable[tuple[bytes, bytes]]
) -> Rejection | None:
    """Return why a request is rejected, or None. `headers` are those of ASGI."""
    pairs = list(headers)
    is_static = path in STATIC_PATHS
    if (reason := foreign_reason(port, pairs, may_be_opened=is_static)) is not None:
        return Rejection(403, "forbidden", f"The request was rejected: {reason}.")
    if is_static:
        return None
    tokens = [value for name, value in pairs if name == TOKEN_HEADER]
    if len(tokens) != 1 or not secrets.compare_digest(tokens[0], token.encode()):
        return Rejection(401, "wrong_token", "The token is missing or wrong.")
    return None
