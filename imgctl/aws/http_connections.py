"""HTTP connections to one endpoint, which several threads use: the least that a request takes."""

import http.client
import socket
import ssl
import weakref
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import cast
from urllib.parse import unquote, urlsplit

from botocore import exceptions as sdk
from botocore.httpsession import get_cert_path, mask_proxy_url


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response; header names may be looked up in any case."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


class HttpConnections:
    """Connections that are kept open, directly or through an HTTP proxy.

    `verify` is the path of a CA bundle, or True for botocore's. A timeout is for connecting, for
    each block that is sent, and for the response to begin. Errors are those of botocore.
    """

    def __init__(
        self, url: str, *, verify: str | bool, proxy: str | None, timeout_s: float
    ) -> None:
        self._url = url
        self._endpoint = urlsplit(url)
        self._proxy = None if proxy is None else urlsplit(proxy)
        self._timeout_s = timeout_s
        self._tls: ssl.SSLContext | None = None
        if self._endpoint.scheme == "https":
            self._tls = ssl.create_default_context(cafile=get_cert_path(cast(bool, verify)))
        self._idle: list[http.client.HTTPConnection] = []
        weakref.finalize(self, _close, self._idle)

    def put(
        self, path: str, headers: Mapping[str, str], body: Callable[[], Iterable[memoryview]]
    ) -> HttpResponse:
        """Send a request over an idle connection or a new one, and return the response.

        `body` returns what to send, from its beginning.
        """
        with suppress(IndexError, sdk.ConnectionClosedError):  # it may be closed by now
            return self._exchange(self._idle.pop(), path, headers, body)
        return self._exchange(self._connect(), path, headers, body)

    def _connect(self) -> http.client.HTTPConnection:
        try:
            connection = self._new_connection()
            connection.connect()
        except TimeoutError as error:
            raise sdk.ConnectTimeoutError(endpoint_url=self._url, error=error) from error
        except ssl.SSLError as error:
            raise sdk.SSLError(endpoint_url=self._url, error=error) from error
        except (OSError, http.client.HTTPException) as error:
            if self._proxy is not None:
                proxy = mask_proxy_url(self._proxy.geturl())
                raise sdk.ProxyConnectionError(proxy_url=proxy, error=error) from error
            raise sdk.EndpointConnectionError(endpoint_url=self._url, error=error) from error
        # Else the last packet of a request waits for the others to be acknowledged.
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _new_connection(self) -> http.client.HTTPConnection:
        endpoint, proxy = self._endpoint, self._proxy
        assert endpoint.hostname is not None
        through = proxy or endpoint
        assert through.hostname is not None
        host, port = through.hostname, through.port
        if self._tls is None:
            return http.client.HTTPConnection(host, port, timeout=self._timeout_s)
        if proxy is None:
            return http.client.HTTPSConnection(
                host, port, timeout=self._timeout_s, context=self._tls
            )
        connection = http.client.HTTPSConnection(
            host, port or 80, timeout=self._timeout_s, context=self._tls
        )
        connection.set_tunnel(endpoint.hostname, endpoint.port or 443, self._proxy_headers())
        return connection

    def _proxy_headers(self) -> dict[str, str]:
        if self._proxy is None or self._proxy.username is None:
            return {}
        name, password = unquote(self._proxy.username), unquote(self._proxy.password or "")
        return {"Proxy-Authorization": f"Basic {b64encode(f'{name}:{password}'.encode()).decode()}"}

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        path: str,
        headers: Mapping[str, str],
        body: Callable[[], Iterable[memoryview]],
    ) -> HttpResponse:
        """Send a request and read its response; the connection stays open only if all is well."""
        is_kept = False
        try:
            response = self._response(connection, path, headers, body)
            result = HttpResponse(response.status, response.headers, response.read())
            is_kept = not response.will_close
        except TimeoutError as error:
            raise sdk.ReadTimeoutError(endpoint_url=self._url, error=error) from error
        except (OSError, http.client.HTTPException) as error:
            raise sdk.ConnectionClosedError(endpoint_url=self._url, error=error) from error
        finally:
            if is_kept:
                self._idle.append(connection)
            else:
                connection.close()
        return result

    def _response(
        self,
        connection: http.client.HTTPConnection,
        path: str,
        headers: Mapping[str, str],
        body: Callable[[], Iterable[memoryview]],
    ) -> http.client.HTTPResponse:
        if self._proxy is not None and self._tls is None:  # a proxy is sent the whole URL
            path = f"{self._endpoint.scheme}://{self._endpoint.netloc}{path}"
            headers = {**headers, **self._proxy_headers()}
        connection.putrequest("PUT", path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        try:
            for block in body():
                connection.sock.sendall(block)
        except (BrokenPipeError, ConnectionResetError):
            pass  # S3 refuses the request before it has all of it, and says why
        return connection.getresponse()


def _close(connections: list[http.client.HTTPConnection]) -> None:
    for connection in connections:
        connection.close()
