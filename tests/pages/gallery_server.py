"""A small server for the live page, which does what a test tells it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from imgctl.pages.entries import Entry, entry_document
from imgctl.pages.report import live_page
from tests.pages.samples import HEADING

TOKEN = "correct-horse"
MAX_BYTES = 100_000


class GalleryServer:
    """Entries in memory, uploads as they come, and answers as they are set."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.uploads: dict[str, bytes] = {}
        self.tokens: list[str | None] = []
        self.refusals: dict[str, tuple[int, dict[str, str]]] = {}
        self.is_lost = False
        self.is_closed = False
        self.port = 0
        self._news: list[Entry] = []
        self._changed = threading.Condition()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def publish(self, *entries: Entry) -> None:
        """Let these records come now."""
        with self._changed:
            self._news += entries
            self._changed.notify_all()

    def lose(self) -> None:
        """Break connections off without an answer, from now on."""
        with self._changed:
            self.is_lost = True
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self.is_closed = True
            self._changed.notify_all()

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, Any] | None:
        """Return status and document; None breaks the connection off."""
        url = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if self.is_lost:
            return None
        match method, url.path:
            case "GET", "/api/entries":
                return self._entries(query)
            case "GET", "/api/new":
                return self._new(query)
            case "POST", "/api/uploads":
                return self._upload(query["name"], body)
        return 404, {"error": {"code": "not_found", "message": "Not found.", "hint": ""}}

    def _entries(self, query: dict[str, str]) -> tuple[int, Any]:
        start = int(query.get("after", 0))
        end = start + min(5, int(query["limit"]))
        documents = [entry_document(entry) for entry in self.entries[start:end]]
        return 200, {"entries": documents, "next": str(end) if end < len(self.entries) else None}

    def _new(self, query: dict[str, str]) -> tuple[int, Any] | None:
        with self._changed:
            if "after" not in query:
                return 200, {"entries": [], "place": str(len(self._news))}
            start = int(query["after"])
            self._changed.wait_for(
                lambda: len(self._news) > start or self.is_lost or self.is_closed, timeout=20
            )
            if self.is_lost or self.is_closed:
                return None
            news = [entry_document(entry) for entry in reversed(self._news[start:])]
            return 200, {"entries": news, "place": str(len(self._news))}

    def _upload(self, name: str, body: bytes) -> tuple[int, Any]:
        if name in self.refusals:
            status, error = self.refusals[name]
            return status, {"error": error}
        self.uploads[name] = body
        return 201, {"key": name, "version_id": f"version of {name}"}


@contextmanager
def gallery_server() -> Iterator[GalleryServer]:
    """Serve on a free port until the block ends."""
    gallery = GalleryServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if urlsplit(self.path).path == "/":
                page = live_page(HEADING, max_upload_bytes=MAX_BYTES)
                policy = {"Content-Security-Policy": page.policy, "Content-Type": "text/html"}
                self._send(200, page.html, policy)
            else:
                self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["Content-Length"])))

        def _answer(self, body: bytes) -> None:
            token = self.headers.get("X-Imgctl-Token")
            gallery.tokens.append(token)
            if token != TOKEN:
                error = {"code": "token", "message": "The token is wrong.", "hint": ""}
                self._send(403, json.dumps({"error": error}).encode(), {})
                return
            answer = gallery.answer(self.command, self.path, body)
            if answer is not None:
                self._send(answer[0], json.dumps(answer[1]).encode(), {})

        def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_arguments: object) -> None:
            """Ignore that the page has left."""

    server = Server(("127.0.0.1", 0), Handler)
    gallery.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield gallery
    finally:
        gallery.close()
        server.shutdown()
        server.server_close()
        thread.join()
