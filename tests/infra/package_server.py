"""A package index on this machine, which answers as it is told, and wheels of a few bytes."""

import base64
import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def elf(machine: int, *, big_endian: bool = False) -> bytes:
    """Return the first bytes of an ELF shared library."""
    order = b"\x02" if big_endian else b"\x01"
    return (
        b"\x7fELF\x02" + order + b"\x01" + b"\x00" * 9 + b"\x03\x00" + machine.to_bytes(2, "little")
    )


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return an archive of files by their paths."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return file.getvalue()


def wheel(library: bytes, package: str = "pillow-99.0") -> bytes:
    """Return a wheel with a module, a library and the metadata."""
    return zipped(
        {
            "PIL/__init__.py": b"",
            "PIL/_imaging.so": library,
            f"{package}.dist-info/METADATA": b"Metadata-Version: 2.1\n",
            f"{package}.dist-info/RECORD": b"",
        }
    )


ARM_WHEEL, X86_WHEEL = wheel(elf(183)), wheel(elf(62))
ARM_NAME = "pillow-99.0-cp312-cp312-manylinux2014_aarch64.manylinux_2_17_aarch64.whl"
X86_NAME = "pillow-99.0-cp312-cp312-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def lock(*wheels: bytes) -> bytes:
    """Return a lock file with the hashes of wheels of pillow 99.0."""
    hashes = " \\\n".join(f"    --hash=sha256:{sha256(data)}" for data in wheels)
    return f"# for tests\npillow==99.0 \\\n{hashes}\n".encode()


@dataclass
class Index:
    """Files by their names, how they are listed and sent, and the requests so far."""

    url: str
    files: dict[str, bytes] = field(
        default_factory=lambda: {ARM_NAME: ARM_WHEEL, X86_NAME: X86_WHEEL}
    )
    as_json: bool = True
    with_hashes: bool = True
    page: bytes | None = None
    statuses: list[int] = field(default_factory=list)
    lost_bytes: list[int] = field(default_factory=list)
    redirect_files_to: str = ""
    password: str = ""
    requests: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.requests]

    def listing(self) -> bytes:
        if self.page is not None:
            return self.page
        hashes = {
            name: sha256(data) if self.with_hashes else "" for name, data in self.files.items()
        }
        if self.as_json:
            entries = [
                {
                    "filename": name,
                    "url": f"../../files/{name}",
                    "hashes": {"sha256": hash_} if hash_ else {},
                }
                for name, hash_ in hashes.items()
            ]
            return json.dumps({"files": entries}).encode()
        anchors = (
            f'<a href="../../files/{name}{f"#sha256={hash_}" if hash_ else ""}">{name}</a>'
            for name, hash_ in hashes.items()
        )
        return f"<!DOCTYPE html><body>{''.join(anchors)}<a>no link</a></body>".encode()


@contextmanager
def running_index() -> Iterator[Index]:
    """Serve an index on a free port until the end."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            index.requests.append((self.path, dict(self.headers)))
            path = self.path.removeprefix(index.url)  # a proxy is asked for the whole URL
            expected = base64.b64encode(f"user:{index.password}".encode()).decode()
            if index.statuses:
                self.respond(index.statuses.pop(0), b"an error")
            elif index.password and self.headers.get("Authorization") != f"Basic {expected}":
                self.respond(401, b"")
            elif path == "/simple/pillow/":
                self.respond(200, index.listing())
            elif index.redirect_files_to and path.startswith("/files/"):
                self.respond(302, b"", location=index.redirect_files_to + path)
            elif (data := index.files.get(path.removeprefix("/files/"))) is not None:
                self.respond(200, data, lost=index.lost_bytes.pop(0) if index.lost_bytes else 0)
            else:
                self.respond(404, b"")

        def respond(self, status: int, body: bytes, *, location: str = "", lost: int = 0) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if location:
                self.send_header("Location", location)
            self.end_headers()
            self.wfile.write(body[: len(body) - lost])

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    index = Index(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield index
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
