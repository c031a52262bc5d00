"""The function in environments that Lambda restores from one snapshot.

The bundle's own entry point runs in a process with Lambda's variables and a stand-in for the
runtime's hooks. A snapshot is simulated by a fork: copies of the initialized process run one after
the other, as environments that were restored from it. Unlike a restored memory, a fork makes Python
seed `random` anew, which the copies undo, and OpenSSL too, so that this is not shown. Nor is the
child process copied: both copies use the same one, which was started before the snapshot.
"""

import io
import json
import os
import re
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.architecture.test_bundle_isolation import bundle
from tests.pictures import PHOTOS

__all__ = ["bundle"]

HOOKS = """
after_restore, before_snapshot = [], []
def register_after_restore(function, *args, **kwargs):
    after_restore.append((function, args, kwargs))
def register_before_snapshot(function, *args, **kwargs):
    before_snapshot.append((function, args, kwargs))
"""

PROGRAM = """
import json, os, random, sys, uuid
sys.path[:0] = sys.argv[1:3]
sys.path.append(sys.argv[3])
import snapshot_restore_py
from imgctl.worker import function

class Context:
    aws_request_id = "r"
    def get_remaining_time_in_millis(self): return 60_000

EVENT = {"Records": [{"eventName": "ObjectCreated:Put", "s3": {
    "bucket": {"name": "in"}, "object": {"key": "a.jpg", "eTag": "1", "sequencer": "0A"}}}]}

child = function._resizing._child._pid
memory, loaded = random.getstate(), set(sys.modules)
print(json.dumps({"snapshot": True}), flush=True)
for _ in range(2):
    copy = os.fork()
    if copy == 0:
        random.setstate(memory)  # a fork seeds it anew, and a restored memory is not
        for hook, args, kwargs in snapshot_restore_py.after_restore:
            hook(*args, **kwargs)
        response = function.lambda_handler(EVENT, Context())
        print(json.dumps({
            "outcomes": response["outcomes"], "random": random.random(), "uuid": str(uuid.uuid4()),
            "is_same_child": function._resizing._child._pid == child,
            "imported": sorted(set(sys.modules) - loaded)}), flush=True)
        os._exit(0)
    os.waitpid(copy, 0)
"""


@dataclass
class FakeAws:
    """What it was asked for. Requests have the key that signed them, and their connection."""

    url: str = ""
    connections: int = 0
    credentials: int = 0
    requests: list[tuple[str, str, int]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    outputs: list[bytes] = field(default_factory=list)


@pytest.fixture
def aws() -> Iterator[FakeAws]:
    fake = FakeAws()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            fake.connections += 1
            self.number = fake.connections
            super().setup()

        def do_GET(self) -> None:
            if self.path == "/credentials":
                fake.credentials += 1
                self.respond(json.dumps(credentials(fake.credentials)).encode())
            else:
                self.respond((PHOTOS / "rocket.jpg").read_bytes(), ETag='"1"')

        def do_PUT(self) -> None:
            fake.outputs.append(self.body())
            self.respond(b"", ETag='"2"')

        def do_POST(self) -> None:
            request = json.loads(self.body())
            fake.tokens += [request[n] for n in ("ClientRequestToken",) if n in request]
            self.respond(b"{}")

        def body(self) -> bytes:
            return self.rfile.read(int(self.headers["Content-Length"]))

        def respond(self, body: bytes, **headers: str) -> None:
            if signed := re.search(r"Credential=(\w+)/", self.headers.get("Authorization", "")):
                fake.requests.append((self.command, signed[1], self.number))
            self.send_response(200)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        fake.url = f"http://127.0.0.1:{server.server_port}"
        yield fake
        server.shutdown()
        thread.join()


def credentials(number: int) -> dict[str, str]:
    return {
        "AccessKeyId": f"KEY{number}",
        "SecretAccessKey": "x",
        "Token": "x",
        "Expiration": "2100-01-01T00:00:00Z",
    }


def run(program: str, bundle: Path, work: Path, aws: FakeAws, initialization: str) -> list[Any]:
    (work / "snapshot_restore_py.py").write_text(HOOKS)
    runtime = sysconfig.get_paths()["purelib"]
    process = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, str(work), str(bundle), runtime],
        env={
            "PATH": os.defpath,
            "TMPDIR": str(work),
            "AWS_LAMBDA_INITIALIZATION_TYPE": initialization,
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{aws.url}/credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": "token",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": aws.url,
            "SOURCE_BUCKET": "in",
            "DESTINATION_BUCKET": "out",
            "TABLE_NAME": "records",
            "OUTPUT_PREFIX": "resized-",
            "SCALE": "0.5",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (process.returncode, process.stderr) == (0, "")
    return [
        line for text in process.stdout.splitlines() if "level" not in (line := json.loads(text))
    ]


def test_each_restored_copy_has_its_own_randomness_connections_and_credentials(
    bundle: Path, tmp_path: Path, aws: FakeAws
) -> None:
    snapshot, *copies = run(PROGRAM, bundle, tmp_path, aws, "snap-start")
    assert snapshot == {"snapshot": True}
    assert [copy["outcomes"][0]["status"] for copy in copies] == ["SUCCEEDED"] * 2
    assert len({copy["random"] for copy in copies}) == 2
    assert len({copy["uuid"] for copy in copies}) == 2
    assert len(set(aws.tokens)) == len(aws.tokens) == 2  # of the transactions
    assert aws.credentials == 2  # none before the snapshot
    by_key = {key: {n for _, k, n in aws.requests if k == key} for key in ("KEY1", "KEY2")}
    assert all(by_key.values())
    assert by_key["KEY1"].isdisjoint(by_key["KEY2"])  # the connections
    for output in aws.outputs:
        with Image.open(io.BytesIO(output)) as image, Image.open(PHOTOS / "rocket.jpg") as original:
            assert image.width == original.width // 2


def test_what_an_invocation_needs_is_loaded_before_the_snapshot(
    bundle: Path, tmp_path: Path, aws: FakeAws
) -> None:
    _, *copies = run(PROGRAM, bundle, tmp_path, aws, "snap-start")
    assert [copy["is_same_child"] for copy in copies] == [True, True]
    assert [copy["imported"] for copy in copies] == [[], []]


ON_DEMAND = """
import gc, json, sys
sys.path[:0] = sys.argv[1:3]
sys.path.append(sys.argv[3])
from imgctl.worker import function
print(json.dumps([function._cold_start.cache_info().currsize, gc.isenabled(),
                  "snapshot_restore_py" in sys.modules]))
"""


def test_without_a_snapshot_the_clients_are_made_while_lambda_starts_the_function(
    bundle: Path, tmp_path: Path, aws: FakeAws
) -> None:
    assert run(ON_DEMAND, bundle, tmp_path, aws, "on-demand") == [[1, True, False]]
    assert aws.credentials == 1
