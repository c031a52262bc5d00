"""Start, find, stop and reset the embedded AWS.

All of its files are in one folder: `server.json` (process and address), `server.lock` (locked by
the server for its whole life), `server.log`, the emulator's state, and the objects.
"""

import base64
import fcntl
import importlib.util
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from imgctl.core.errors import Hint, ImgctlError

HOST = "127.0.0.1"
ACCOUNT_ID = "000000000000"
DEFAULT_REGION = "us-east-1"

_START_TIMEOUT_S = 60
_STOP_TIMEOUT_S = 30
_INHERITED_VARIABLES = ("PATH", "LANG", "LC_ALL", "TMPDIR", "TZ", "SYSTEMROOT")
_RESET_FILES = ("state", "objects", "home", "port", "server.json", "server.log", "root.json")
_POLL_S = 0.05

# The servers that this process started and that have not been reaped.
_children: dict[int, subprocess.Popen[bytes]] = {}

# Ignores the user's proxies: the server is on this machine.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class LocalError(ImgctlError):
    """The embedded AWS cannot be started, reached, stopped or reset."""

    code = "local"


@dataclass(frozen=True, slots=True)
class RootCredentials:
    """The root user's credentials: random, and different for each folder."""

    access_key: str
    secret_key: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The address of a running embedded AWS, and the root credentials of its account."""

    url: str
    pid: int
    port: int
    region: str
    access_key: str
    secret_key: str


def running(folder: Path) -> Endpoint | None:
    """Return the embedded AWS of a folder; None if it is not running or not responding."""
    endpoint = _find_locked(folder)
    return endpoint if endpoint is not None and _healthy(endpoint.url) else None


def start(folder: Path, region: str | None = None) -> Endpoint:
    """Start the embedded AWS of a folder, unless it is running already.

    Raises LocalError if the emulator is not installed, does not start, or is already running in
    another region than `region`.
    """
    if importlib.util.find_spec("ministack") is None:
        raise LocalError(
            "The embedded AWS is not installed.", hint="Run `pip install 'imgctl[local]'`."
        )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _start_lock(folder):
        lock = _take_server_lock(folder)
        if lock is not None:
            with lock:
                return _launch(folder, region or DEFAULT_REGION, lock)
        endpoint = _wait_until_running(folder)
    if region is not None and region != endpoint.region:
        raise LocalError(
            f"The embedded AWS is running in {endpoint.region}, not in {region}.",
            hint=Hint("Omit the region, or run {} first.", "local stop"),
        )
    return endpoint


def stop(folder: Path) -> bool:
    """Stop the embedded AWS after it has saved its state; False if it was not running.

    Raises LocalError if it does not exit in time.
    """
    endpoint = _find_locked(folder)
    if endpoint is None:
        return False
    with suppress(ProcessLookupError):
        os.kill(endpoint.pid, signal.SIGTERM)
    deadline_s = time.monotonic() + _STOP_TIMEOUT_S
    while _find_locked(folder) is not None:
        if time.monotonic() > deadline_s:
            raise LocalError(
                f"The embedded AWS (process {endpoint.pid}) did not stop.",
                hint=f"Read {folder / 'server.log'}, or kill the process.",
            )
        time.sleep(_POLL_S)
    (folder / "server.json").unlink(missing_ok=True)
    return True


def reset(folder: Path) -> None:
    """Stop the embedded AWS and delete its data.

    Raises LocalError for a folder that no embedded AWS has ever run in.
    """
    if not folder.exists():
        return
    if not (folder / "server.lock").is_file():
        raise LocalError(
            f"{folder} is not the folder of an embedded AWS; nothing was deleted.",
            hint=Hint("Check the setting local_dir with {}.", "config"),
        )
    stop(folder)
    for name in _RESET_FILES:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


@contextmanager
def _start_lock(folder: Path) -> Iterator[None]:
    """Let only one process at a time decide whether to start a server."""
    with (folder / "start.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _take_server_lock(folder: Path) -> BinaryIO | None:
    """Acquire the lock that a server holds for its whole life; None if one is running."""
    lock = (folder / "server.lock").open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


def _find_locked(folder: Path) -> Endpoint | None:
    """Return the server that holds the folder's lock; a stale `server.json` is ignored."""
    if not (folder / "server.lock").is_file():
        return None
    lock = _take_server_lock(folder)
    if lock is not None:
        lock.close()
        _reap_children()
        return None
    try:
        return Endpoint(**json.loads((folder / "server.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None  # the server is starting and has not written its address yet


def _reap_children() -> None:
    """Reap the servers that this process started and that have exited, to leave no zombies."""
    for pid, process in list(_children.items()):
        if process.poll() is not None:
            del _children[pid]


def _wait_until_running(folder: Path) -> Endpoint:
    deadline_s = time.monotonic() + _START_TIMEOUT_S
    while (endpoint := running(folder)) is None:
        if time.monotonic() > deadline_s:
            raise LocalError(
                "The embedded AWS is running but not responding;"
                f" its log is {folder / 'server.log'}.",
                hint=Hint("Run {} to stop it, then try again.", "local stop"),
            )
        time.sleep(_POLL_S)
    return endpoint


def _launch(folder: Path, region: str, lock: BinaryIO) -> Endpoint:
    port = _free_port(folder)
    root = _root_credentials(folder)
    (folder / "home").mkdir(exist_ok=True)
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            # -P keeps the working folder off the import path.
            [sys.executable, "-P", "-m", "imgctl.local.server", str(port), str(lock.fileno())],
            cwd=folder,
            env=_server_environment(folder, region, port, root),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=[lock.fileno()],
        )
    _children[process.pid] = process
    endpoint = Endpoint(
        f"http://{HOST}:{port}", process.pid, port, region, root.access_key, root.secret_key
    )
    try:
        _write_private(folder / "server.json", json.dumps(asdict(endpoint)))
        _wait_until_healthy(process, endpoint, folder / "server.log")
    except BaseException:  # not even an interruption may leave an untracked server behind
        process.kill()
        process.wait()
        (folder / "server.json").unlink(missing_ok=True)
        raise
    return endpoint


def _root_credentials(folder: Path) -> RootCredentials:
    """Return the credentials of a folder's root user, created when they are first needed."""
    path = folder / "root.json"
    try:
        return RootCredentials(**json.loads(path.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        # A key in AWS's own form: 20 uppercase letters and digits.
        key = "AKIA" + base64.b32encode(secrets.token_bytes(10)).decode()
        root = RootCredentials(key, secrets.token_urlsafe(30))
        _write_private(path, json.dumps(asdict(root)))
        return root


def _write_private(path: Path, text: str) -> None:
    """Write a file that only the user can read, whatever it was before."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def _server_environment(
    folder: Path, region: str, port: int, root: RootCredentials
) -> dict[str, str]:
    """Return the server's environment, which the emulator passes on to functions.

    It therefore has none of the user's variables, except those that any program needs.
    """
    return {name: os.environ[name] for name in _INHERITED_VARIABLES if name in os.environ} | {
        "HOME": str(folder / "home"),
        "AUTH": "true",
        "AWS_ACCESS_KEY_ID": root.access_key,
        "AWS_SECRET_ACCESS_KEY": root.secret_key,
        "AWS_DEFAULT_REGION": region,
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "INFO",
        "MINISTACK_ACCOUNT_ID": ACCOUNT_ID,
        "MINISTACK_HOST": HOST,
        "MINISTACK_REGION": region,
        "PERSIST_STATE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "S3_DATA_DIR": str(folder / "objects"),
        "S3_PERSIST": "1",
        "SFTP_ENABLED": "0",
        "STATE_DIR": str(folder / "state"),
    }


def _wait_until_healthy(process: subprocess.Popen[bytes], endpoint: Endpoint, log: Path) -> None:
    deadline_s = time.monotonic() + _START_TIMEOUT_S
    while not _healthy(endpoint.url):
        if process.poll() is not None or time.monotonic() > deadline_s:
            last_line = log.read_text(errors="replace").strip().splitlines()[-1:]
            raise LocalError(
                f"The embedded AWS did not start: {''.join(last_line) or 'its log is empty'}"
                f" (log: {log})",
                hint=Hint(
                    "Fix the cause and try again; {} deletes its data and starts over.",
                    "local reset",
                ),
            )
        time.sleep(_POLL_S)


def _free_port(folder: Path) -> int:
    """Choose the port of the last run if it is free, so that addresses stay valid, else any."""
    last_port = folder / "port"
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # ignores TIME_WAIT
        try:
            probe.bind((HOST, int(last_port.read_text())))
        except (OSError, ValueError, OverflowError):
            probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    last_port.write_text(str(port))
    return port


def _healthy(url: str) -> bool:
    try:
        with _direct.open(f"{url}/_ministack/health", timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
