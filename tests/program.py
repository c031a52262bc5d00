"""The program as a process of its own, started without the costs of starting Python.

A process that has imported what the program imports from elsewhere, and parsed botocore's
descriptions of the services, is forked for each run. The run imports imgctl itself, has its own
environment, folder, streams and signals, and ends as any process does. To start Python and to
import boto3 takes several times the processor time of most commands.

This module runs as that process, too: `python -P tests/program.py CONTROL`.
"""

import atexit
import functools
import gc
import importlib
import io
import json
import os
import runpy
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any, NoReturn

_MODULES = (
    "boto3.session", "botocore.auth", "botocore.client", "botocore.endpoint", "botocore.handlers",
    "botocore.httpchecksum", "botocore.parsers", "botocore.retries.standard", "click",
    "click.shell_completion", "concurrent.futures.thread", "csv", "getpass", "PIL.Image",
    "PIL.ImageFile", "platformdirs", "rich.console", "rich.live", "rich.progress", "rich.table",
    "s3transfer.manager", "tomllib", "zipfile",
)  # fmt: skip
_SERVICES = (
    "apigateway", "cloudformation", "dynamodb", "iam", "kms", "lambda", "logs", "s3", "s3control",
    "sqs", "sts",
)  # fmt: skip
_LENGTH = struct.Struct("!I")
_STATUS = struct.Struct("!i")
_ordering = threading.Lock()


class Run:
    """A run of the program that was started."""

    def __init__(self, status: socket.socket) -> None:
        self._status = status
        (self._pid,) = _STATUS.unpack(_received(status, _STATUS.size))

    def wait(self, timeout_s: float = 120) -> int:
        """Return the exit code, negative for a signal; a run that takes too long is killed."""
        self._status.settimeout(timeout_s)
        try:
            (code,) = _STATUS.unpack(_received(self._status, _STATUS.size))
        except TimeoutError:
            os.kill(self._pid, signal.SIGKILL)  # not reaped yet, because its status is not here
            raise
        finally:
            self._status.close()
        return int(code)


def start(
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    streams: Sequence[int],
    cwd: Path | None = None,
) -> Run:
    """Start `imgctl` with the descriptors of stdin, stdout and stderr."""
    order = {
        "arguments": list(arguments),
        "environment": dict(environment),
        "cwd": str(cwd or Path.cwd()),
    }
    body = json.dumps(order).encode()
    ours, theirs = socket.socketpair()
    with theirs, _ordering:
        control = _forker()
        socket.send_fds(control, [_LENGTH.pack(len(body))], [*streams, theirs.fileno()])
        control.sendall(body)
    return Run(ours)


def run(
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    stdin: int | None = None,
    cwd: Path | None = None,
) -> "subprocess.CompletedProcess[str]":
    """Run `imgctl` to its end, and return what it wrote; stdin is empty unless it is given."""
    output: list[bytes] = [b"", b""]

    def read(index: int, descriptor: int) -> None:
        with os.fdopen(descriptor, "rb") as pipe:
            output[index] = pipe.read()

    nothing = os.open(os.devnull, os.O_RDONLY)
    pipes = [os.pipe(), os.pipe()]
    try:
        streams = [nothing if stdin is None else stdin, pipes[0][1], pipes[1][1]]
        started = start(arguments, environment=environment, streams=streams, cwd=cwd)
    finally:
        for descriptor in (nothing, pipes[0][1], pipes[1][1]):
            os.close(descriptor)
    readers = [threading.Thread(target=read, args=(i, pipe[0])) for i, pipe in enumerate(pipes)]
    for reader in readers:
        reader.start()
    code = started.wait()
    for reader in readers:  # also those who inherited a stream must have closed it
        reader.join(timeout=30)
        assert not reader.is_alive(), "a process that the program started holds its streams"
    out, err = (one.decode().replace("\r\n", "\n") for one in output)
    return subprocess.CompletedProcess(["imgctl", *arguments], code, out, err)


@functools.cache
def _forker() -> socket.socket:
    """Start the process that is forked; it ends with this one."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-P", __file__, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def _received(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def _serve(control: socket.socket) -> None:
    """Fork for each order, until the tests' process has ended."""
    _import_all()
    gc.freeze()  # no search for cycles shall copy what the runs share
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal; the tests' process ends then
    while True:
        length, descriptors, _, _ = socket.recv_fds(control, _LENGTH.size, 4)
        _reap(os.WNOHANG if length else 0)
        if not length:
            return
        order = json.loads(_received(control, *_LENGTH.unpack(length)))
        if os.fork() == 0:
            control.close()
            _attend(order, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _reap(options: int) -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, options) != (0, 0):
            pass


def _attend(order: Mapping[str, Any], descriptors: Sequence[int]) -> None:
    """Fork a run, and tell its end; in the run itself, return."""
    pid = os.fork()
    if pid == 0:
        _become_program(order, descriptors)
    for descriptor in descriptors[:3]:
        os.close(descriptor)
    with socket.socket(fileno=descriptors[3]) as status, suppress(OSError):
        status.sendall(_STATUS.pack(pid))
        status.sendall(_STATUS.pack(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])))
    os._exit(0)


def _become_program(order: Mapping[str, Any], descriptors: Sequence[int]) -> NoReturn:
    for number, descriptor in enumerate(descriptors[:3]):
        os.dup2(descriptor, number)
    for descriptor in descriptors:
        os.close(descriptor)
    for stream in (sys.stdout, sys.stderr):  # as a start of Python does
        assert isinstance(stream, io.TextIOWrapper)
        stream.reconfigure(line_buffering=stream is sys.stderr or stream.isatty())
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.argv[1:] = order["arguments"]
    code = 0
    try:
        runpy.run_module("imgctl", run_name="__main__", alter_sys=True)
    except SystemExit as exit_:
        code = int(exit_.code or 0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    # As the end of Python does, without freeing all of the memory that was imported.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _import_all() -> None:
    for name in _MODULES:
        importlib.import_module(name)
    _compile(Path(__file__).parents[1])
    import botocore.session  # noqa: PLC0415 (not in the tests' own process)

    vars(botocore.session)["create_loader"] = functools.cache(botocore.session.create_loader)
    session = botocore.session.Session()
    for service in _SERVICES:
        session.create_client(service, "us-east-1")


def _compile(root: Path) -> None:
    """Compile imgctl's modules, which each run then executes; bytecode may not be on disk."""
    compiled = functools.cache(SourceFileLoader.get_code)
    setattr(SourceFileLoader, "get_code", compiled)  # noqa: B010 (mypy refuses to assign a method)
    for package in ("imgctl", "infra"):
        for path in (root / package).rglob("*.py"):
            name = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
            SourceFileLoader(name, str(path)).get_code(name)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
