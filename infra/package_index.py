"""A client of package indexes, which downloads the wheels that a lock file names.

What is downloaded is trusted for its hash alone. So it does not matter which index has it, whether
another one offers a package of the same name, or who could alter it on the way.
"""

import http.client
import netrc
import os
import re
import ssl
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache, cached_property
from pathlib import Path
from typing import IO, Any
from urllib.parse import SplitResult, unquote, urlsplit

from botocore.httpsession import get_cert_path

from infra.errors import BundleError
from infra.index_access import CA_VARIABLES, IndexAccess
from infra.index_page import MEDIA_TYPES, best_link, links
from infra.wheels import LockedPackage, normalized

_TIMEOUT_S = 30.0  # to connect, and for each block
_PAUSES_S = (1.0, 3.0)  # before the second and the third attempt
_MAX_BYTES = 262_144_000  # Lambda's limit on what a bundle may unzip to
_TEMPORARY = (408, 429, 500, 502, 503, 504)

_REACH_HINT = (
    "imgctl asks the index in PIP_INDEX_URL, UV_DEFAULT_INDEX or pip's pip.conf, and otherwise"
    " PyPI. Check that it can be reached, and the proxy in HTTPS_PROXY if there is one."
)
_DENIED_HINT = (
    "Put the user name and the password or token into the index's URL in PIP_INDEX_URL, or into"
    " ~/.netrc."
)
_TLS_HINT = "If your company's own CA signs certificates, name its file in PIP_CERT."
_MISSING_HINT = "Name an index that has it in PIP_INDEX_URL, such as PyPI or a mirror of it."
_HASH_HINT = (
    "Nothing was built from it. The index, or a proxy on the way, does not send the file that was"
    " locked: ask those who operate it."
)


class _ConnectionEnded(Exception):
    """The connection ended before everything was received."""


class PackageIndexes:
    """The indexes of an access, of which the first that has a wheel provides it."""

    def __init__(self, access: IndexAccess, sleep: Callable[[float], None] = time.sleep) -> None:
        self._access = access
        self._sleep = sleep

    def download(self, package: LockedPackage, platforms: Sequence[str]) -> bytes:
        """Return the package's best locked wheel for these platform tags.

        Raises BundleError if no index can be reached, has it, and sends the locked file.
        """
        failures = []
        for index in self._access.indexes:
            try:
                return self._download_from(index, package, platforms)
            except BundleError as error:
                failures.append(error)
        messages = dict.fromkeys(error.message for error in failures)
        raise BundleError(" ".join(messages), hint=failures[0].hint)

    def _download_from(self, index: str, package: LockedPackage, platforms: Sequence[str]) -> bytes:
        page, page_url = self._read(f"{index}/{normalized(package.name)}/", package, index)
        link = best_link(links(page, page_url), package, platforms)
        if link is None:
            raise BundleError(
                f"{_without_user(index)} has no wheel of {package} with a locked hash for"
                f" {' or '.join(platforms)}.",
                hint=_MISSING_HINT,
            )
        data, _ = self._read(link.url, package, index)
        if not package.allows(data):
            raise BundleError(
                f"{_without_user(index)} sent {link.filename} with another SHA-256 than the locked"
                " one.",
                hint=_HASH_HINT,
            )
        return data

    def _read(self, url: str, package: LockedPackage, index: str) -> tuple[bytes, str]:
        """Return the content at a URL, and the URL that redirections have led to."""
        pauses = iter(_PAUSES_S)
        while True:
            try:
                return self._read_once(url)
            except (OSError, ValueError, http.client.HTTPException, _ConnectionEnded) as error:
                if isinstance(error, urllib.error.HTTPError):
                    error.close()  # it is the response, too
                pause_s = next(pauses, None)
                if pause_s is None or not _is_temporary(error):
                    reason, hint = _explained(error)
                    raise BundleError(
                        f"{package} could not be downloaded from {_without_user(index)}: {reason}.",
                        hint=hint,
                    ) from error
                self._sleep(pause_s)

    def _read_once(self, url: str) -> tuple[bytes, str]:
        parts = urlsplit(url)
        if parts.scheme == "file":
            path = Path(unquote(parts.path))
            return (path / "index.html" if path.is_dir() else path).read_bytes(), url
        if parts.scheme not in ("http", "https"):
            raise ValueError("the URL is not one of http, https or file")
        request = urllib.request.Request(  # noqa: S310 (the scheme is checked)
            _without_user(url), headers={"Accept": MEDIA_TYPES, "User-Agent": "imgctl"}
        )
        _authorize(request, self._access)
        with self._opener.open(request, timeout=_TIMEOUT_S) as response:
            data: bytes = response.read(_MAX_BYTES + 1)
            declared = response.headers.get("Content-Length", "")
            if len(data) > _MAX_BYTES:
                raise ValueError(f"it sends more than {_MAX_BYTES:,} bytes")
            if declared.isdecimal() and len(data) < int(declared):
                raise _ConnectionEnded(
                    f"the connection ended after {len(data):,} of {int(declared):,} bytes"
                )
            return data, response.url

    @cached_property
    def _opener(self) -> urllib.request.OpenerDirector:
        proxy = self._access.proxy
        return urllib.request.build_opener(
            urllib.request.ProxyHandler({"http": proxy, "https": proxy} if proxy else None),
            urllib.request.HTTPSHandler(context=_tls_context(self._access.ca_files)),
            _Redirects(self._access),
        )


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Sends credentials along a redirection only to where they belong."""

    def __init__(self, access: IndexAccess) -> None:
        self._access = access

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Any,
        newurl: str,
    ) -> urllib.request.Request | None:
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        if request is not None:
            _authorize(request, self._access)
        return request


def _authorize(request: urllib.request.Request, access: IndexAccess) -> None:
    """Add the credentials for a request's host: of an index there, or else of the netrc file."""
    target = urlsplit(request.full_url)
    credentials = None
    for index in map(urlsplit, access.indexes):
        if index.username is not None and _origin(index) == _origin(target):
            credentials = unquote(index.username), unquote(index.password or "")
            break
    if credentials is None:
        # There may be no home, no such file, or one that others can read.
        with suppress(OSError, netrc.NetrcParseError, RuntimeError):
            entry = netrc.netrc(os.environ.get("NETRC")).authenticators(target.hostname or "")
            if entry is not None:
                credentials = entry[0], entry[2]
    if credentials is not None:
        token = b64encode("{}:{}".format(*credentials).encode()).decode()
        # Which a redirection does not take along.
        request.add_unredirected_header("Authorization", f"Basic {token}")


@cache
def _tls_context(ca_files: tuple[str, ...]) -> ssl.SSLContext:
    """Trust what the system trusts, what boto3 trusts, and these CAs.

    The second is for a Python without the system's certificates, as from python.org for macOS.
    """
    context = ssl.create_default_context()
    context.load_verify_locations(cafile=get_cert_path(True))  # noqa: FBT003 (botocore's)
    for path in ca_files:
        try:
            if Path(path).is_dir():
                context.load_verify_locations(capath=path)
            else:
                context.load_verify_locations(cafile=path)
        except OSError as error:  # of which an SSLError is one
            raise BundleError(
                f"The CA bundle {path} cannot be used: {error.strerror or error}.",
                hint=f"Check {', '.join(CA_VARIABLES)}, and `cert` in pip's pip.conf.",
            ) from error
    return context


def _is_temporary(error: Exception) -> bool:
    if isinstance(error, urllib.error.HTTPError):
        return error.code in _TEMPORARY
    reason = getattr(error, "reason", error)
    if isinstance(reason, ssl.SSLCertVerificationError | FileNotFoundError):
        return False
    return isinstance(reason, OSError | http.client.HTTPException | _ConnectionEnded)


def _explained(error: Exception) -> tuple[str, str]:
    """Return what went wrong, for the end of a sentence, and what to do then."""
    if isinstance(error, urllib.error.HTTPError):
        hints = {401: _DENIED_HINT, 403: _DENIED_HINT, 404: _MISSING_HINT}
        return f"HTTP {error.code} {error.reason}".rstrip(), hints.get(error.code, _REACH_HINT)
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({reason.verify_message})", _TLS_HINT
    if isinstance(reason, TimeoutError):
        return f"no response within {_TIMEOUT_S:.0f} s", _REACH_HINT
    text = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    return text.rstrip("."), _REACH_HINT


def _origin(url: SplitResult) -> tuple[str, str | None, int | None]:
    return url.scheme, url.hostname, url.port or {"http": 80, "https": 443}.get(url.scheme)


def _without_user(url: str) -> str:
    """Return a URL without the user name and the password."""
    return re.sub(r"//[^/?#]*@", "//", url, count=1)
