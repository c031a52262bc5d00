"""`python -m tests.benchmarks.status`: how long `imgctl status` takes next to its slowest call.

A server on this machine answers each call after the same time. `first` is a run that has never
seen the stack, so that it has to wait for the outputs; later runs ask by those that they remember.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from tests.loopback_aws import stack_description

TARGET = 1.5
_CALL = re.compile(r"^\S+ [A-Z]\w+ (\d+) ms$", re.MULTILINE)
_READING = re.compile(r"^Reading the status \((.+) s\)$", re.MULTILINE)

_RESOURCE = b"""<DescribeStackResourceResponse><DescribeStackResourceResult><StackResourceDetail>
<LastUpdatedTimestamp>2026-01-01T00:00:00Z</LastUpdatedTimestamp><LogicalResourceId>FunctionAlias
</LogicalResourceId><ResourceType>AWS::Lambda::Alias</ResourceType>
<ResourceStatus>CREATE_COMPLETE</ResourceStatus></StackResourceDetail>
</DescribeStackResourceResult></DescribeStackResourceResponse>"""
_BY_TARGET = {
    "GetQueueAttributes": {"Attributes": {"ApproximateNumberOfMessages": "0"}},
    "GetMetricData": {"MetricDataResults": [{"Id": "m0", "Values": [1.0]}]},
    "DescribeAlarms": {"MetricAlarms": []},
}


@dataclass(frozen=True, slots=True)
class Run:
    """Seconds: of the whole program, of reading alone, and of the slowest call; and the calls."""

    wall_s: float
    reading_s: float
    slowest_s: float
    calls: int


@contextmanager
def server(delay_s: float) -> Iterator[str]:
    """Serve what `status` asks for on a free port; yields the URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(b'{"FunctionVersion": "7"}')

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            operation = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
            if operation:
                self._answer(json.dumps(_BY_TARGET[operation]).encode())
            else:
                is_stack = parse_qs(body)["Action"] == ["DescribeStacks"]
                self._answer(stack_description() if is_stack else _RESOURCE)

        def _answer(self, body: bytes) -> None:
            time.sleep(delay_s)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{httpd.server_address[1]}"
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()


def measure(url: str, home: str) -> Run:
    """Run `imgctl status` once, as a process of its own."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "IMGCTL_"))}
    environment |= {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": "eu-west-2",
        "HOME": home,
        "XDG_CACHE_HOME": home,
    }
    command = [sys.executable, "-m", "imgctl", "status", "--verbose"]
    started_s = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    wall_s = time.perf_counter() - started_s
    calls = [int(ms) / 1000 for ms in _CALL.findall(done.stderr)]
    (reading_s,) = _READING.findall(done.stderr)
    return Run(wall_s, float(reading_s), max(calls), len(calls))


def main() -> None:
    """Measure with several delays, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--delays", type=float, nargs="+", default=[0.3, 1, 2])
    print("delay s  run    calls  slowest s  reading s  ratio  with the start of Python s  ratio")
    for delay_s in parser.parse_args().delays:
        with server(delay_s) as url, tempfile.TemporaryDirectory() as home:
            for name in ("first", "later", "later"):
                run = measure(url, home)
                print(
                    f"{delay_s:<7}  {name}  {run.calls:>5}  {run.slowest_s:>9.2f}"
                    f"  {run.reading_s:>9.2f}  {run.reading_s / run.slowest_s:>5.2f}"
                    f"  {run.wall_s:>26.2f}  {run.wall_s / run.slowest_s:>5.2f}"
                )
    print(f"target: a ratio of at most {TARGET}")


if __name__ == "__main__":
    main()
