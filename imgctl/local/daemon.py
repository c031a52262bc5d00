"""Start, find, stop and reset the embedded AWS.

All of its files are in one folder (`state_folder`): `server.json` (process and address),
`server.lock` (locked by the server for its whole life), `server.log`, the emulator's state, the
objects, the pending events, and the server's temporary files.
"""

import fcntl
import http.client
import importlib.util
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from imgctl.core.errors import Hint
from imgctl.local import object_files, pending_events, server_environment
from imgctl.local.server_environment import HOST, RootCredentials
from imgctl.local.state_folder import LocalError, StateFolder, open_folder
from imgctl.sandbox.interpreter import isolated_command

DEFAULT_REGION = "us-east-1"

_START_TIMEOUT_S = 60
_STOP_TIMEOUT_S = 30
_DATA = ("state", "objects", object_files.STAGED, pending_events.FOLDER)
_RESET_NAMES = (*_DATA, "home", "tmp", "port", "server.json", "server.log", "root.json")
_POLL_S = 0.05

# The servers that this process started and that have not been reaped.
_children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The address of a running embedded AWS, and the root credentials of its account."""

    url: str
    pid: int
    port: int
    region: str
    access_key: str
    secret_key: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """How the embedded AWS stopped: with so many events left, which its next start delivers."""

    pending_events: int


def running(folder: Path) -> Endpoint | None:
    """Return the embedded AWS of a folder; None if it is not running or not responding."""
    with open_folder(folder) as state:
        return None if state is None else _find_healthy(state)


def start(folder: Path, region: str | None = None) -> Endpoint:
    """Start the embedded AWS of a folder, unless it is running already.

    Raises LocalError if the emulator is not installed, does not start, or is already running in
    another region than `region`.
    """
    if importlib.util.find_spec("ministack") is None:
        raise LocalError(
            "The embedded AWS is not installed.", hint="Run `pip install 'imgctl[local]'`."
        )
    with open_folder(folder, create=True) as state:
        assert state is not None
        with _start_lock(state):
            endpoint = _find_or_launch(state, region or DEFAULT_REGION)
    if region is not None and region != endpoint.region:
        raise LocalError(
            f"The embedded AWS is running in {endpoint.region}, not in {region}.",
            hint=Hint("Omit the region, or run {} first.", "local stop"),
        )
    return endpoint


def stop(folder: Path) -> Stopped | None:
    """Stop the embedded AWS after it has saved its state; None if it was not running.

    It first waits for pending events, but not for long. Raises LocalError if it does not exit in
    time.
    """
    with open_folder(folder) as state:
        return None if state is None else _stop(state)


def reset(folder: Path) -> None:
    """Stop the embedded AWS and delete its data.

    Raises LocalError for a folder that no embedded AWS has ever run in.
    """
    with open_folder(folder) as state:
        if state is None:
            return
        if not state.exists("server.lock"):
            raise LocalError(
                f"{folder} is not the folder of an embedded AWS; nothing was deleted.",
                hint=Hint("Check the setting local_dir with {}.", "config"),
            )
        _stop(state)
        for name in _RESET_NAMES:
            state.remove(name)


def _stop(state: StateFolder) -> Stopped | None:
    endpoint = _find_locked(state)
    if endpoint is None:
        return None
    with suppress(ProcessLookupError):
        os.kill(endpoint.pid, signal.SIGTERM)
    deadline_s = time.monotonic() + _STOP_TIMEOUT_S
    while _find_locked(state) is not None:
        if time.monotonic() > deadline_s:
            raise LocalError(
                f"The embedded AWS (process {endpoint.pid}) did not stop.",
                hint=f"Read {state.path / 'server.log'}, or kill the process.",
            )
        time.sleep(_POLL_S)
    state.remove("server.json")
    return Stopped(pending_events.count(state.path / pending_events.FOLDER))


@contextmanager
def _start_lock(state: StateFolder) -> Iterator[None]:
    """Let only one process at a time decide whether to start a server."""
    with os.fdopen(state.open("start.lock", os.O_WRONLY | os.O_CREAT), "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _take_server_lock(state: StateFolder) -> BinaryIO | None:
    """Acquire the lock that a server holds for its whole life; None if one is running."""
    lock = os.fdopen(state.open("server.lock", os.O_WRONLY | os.O_CREAT), "wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


def _find_locked(state: StateFolder) -> Endpoint | None:
    """Return the server that holds the folder's lock; a stale `server.json` is ignored."""
    if not state.exists("server.lock"):
        return None
    lock = _take_server_lock(state)
    if lock is not None:
        lock.close()
        _reap_children()
        return None
    try:
        return Endpoint(**json.loads(state.read("server.json")))
    except (OSError, ValueError, TypeError):
        return None  # the server is starting and has not written its address yet


def _find_healthy(state: StateFolder) -> Endpoint | None:
    endpoint = _find_locked(state)
    return endpoint if endpoint is not None and _healthy(endpoint.port) else None


def _reap_children() -> None:
    """Reap the servers that this process started and that have exited, to leave no zombies."""
    for pid, process in list(_children.items()):
        if process.poll() is not None:
            del _children[pid]


def _find_or_launch(state: StateFolder, region: str) -> Endpoint:
    """Return the running server, or launch one; waits for one that is stopping."""
    deadline_s = time.monotonic() + _START_TIMEOUT_S
    while True:
        lock = _take_server_lock(state)
        if lock is not None:
            with lock:
                return _launch(state, region, lock)
        endpoint = _find_healthy(state)
        if endpoint is not None:
            return endpoint
        if time.monotonic() > deadline_s:
            raise LocalError(
                "The embedded AWS is running but not responding;"
                f" its log is {state.path / 'server.log'}.",
                hint=Hint("Run {} to stop it, then try again.", "local stop"),
            )
        time.sleep(_POLL_S)


def _launch(state: StateFolder, region: str, lock: BinaryIO) -> Endpoint:
    port = server_environment.choose_port(state)
    root = server_environment.root_credentials(state)
    state.remove("tmp")  # what a server left that was killed
    for name in (*_DATA, "home", "tmp"):
        state.make_folder(name)
    object_files.recover(state.path / object_files.STAGED)
    environment = server_environment.variables(state.path, region, port, root)
    with os.fdopen(state.create("server.log"), "wb") as log:
        process = subprocess.Popen(
            isolated_command("imgctl.local.server", str(port), str(lock.fileno())),
            cwd=state.path,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=[lock.fileno()],
        )
    _children[process.pid] = process
    endpoint = _endpoint(process.pid, port, region, root)
    try:
        state.write("server.json", json.dumps(asdict(endpoint)))
        _wait_until_healthy(process, endpoint, state)
    except BaseException:  # not even an interruption may leave an untracked server behind
        process.kill()
        process.wait()
        state.remove("server.json")
        raise
    return endpoint


def _endpoint(pid: int, port: int, region: str, root: RootCredentials) -> Endpoint:
    url = f"http://{HOST}:{port}"
    return Endpoint(url, pid, port, region, root.access_key, root.secret_key)


def _wait_until_healthy(
    process: subprocess.Popen[bytes], endpoint: Endpoint, state: StateFolder
) -> None:
    deadline_s = time.monotonic() + _START_TIMEOUT_S
    while not _healthy(endpoint.port):
        if process.poll() is not None or time.monotonic() > deadline_s:
            last_line = state.read("server.log").strip().splitlines()[-1:]
            raise LocalError(
                f"The embedded AWS did not start: {''.join(last_line) or 'its log is empty'}"
                f" (log: {state.path / 'server.log'})",
                hint=Hint(
                    "Fix the cause and try again; {} deletes its data and starts over.",
                    "local reset",
                ),
            )
        time.sleep(_POLL_S)


def _healthy(port: int) -> bool:
    # Without urllib.request, which reads the certificates of all authorities, and uses proxies.
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/_ministack/health")
        return connection.getresponse().status == 200
    except (http.client.HTTPException, OSError):
        return False
    finally:
        connection.close()
