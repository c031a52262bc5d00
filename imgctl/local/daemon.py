"""Starting, finding and stopping the embedded AWS.

Everything of it lies in one folder: `server.json` (who runs where), `server.lock` (held by the
server for as long as it lives), `server.log`, the emulator's state, and the objects.
"""

import fcntl
import importlib.util
import json
import os
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

from imgctl.core.errors import ImgctlError

HOST = "127.0.0.1"
ACCOUNT_ID = "000000000000"
DEFAULT_REGION = "us-east-1"

# The emulator takes this key as the account's root, whatever the secret: what protects it is that
# it listens on the loopback address alone. Users that it is given are checked.
ROOT_KEY, ROOT_SECRET = "test", "test"

_START_TIMEOUT_S = 60
_STOP_TIMEOUT_S = 30
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TMPDIR", "TZ", "SYSTEMROOT")
_CONTENT = ("state", "objects", "home", "port", "server.json", "server.log")
_PAUSE_S = 0.05

# The servers that this process started, until they have ended.
_children: dict[int, subprocess.Popen[bytes]] = {}

# A proxy of the user's does not lead to this machine.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class LocalError(ImgctlError):
    """The embedded AWS cannot be started, reached or stopped."""

    code = "local"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A running embedded AWS, and the root credentials of its one account."""

    url: str
    pid: int
    port: int
    region: str
    access_key: str
    secret_key: str


def running(folder: Path) -> Endpoint | None:
    """Find the embedded AWS of a folder; None where none lives, or none answers."""
    endpoint = _find_locked(folder)
    return endpoint if endpoint is not None and _healthy(endpoint.url) else None


def start(folder: Path, region: str | None = None) -> Endpoint:
    """Start the embedded AWS of a folder, or find it where it runs already.

    Raises LocalError where the emulator is not installed, does not come up, or runs in another
    region than the one asked for.
    """
    if importlib.util.find_spec("ministack") is None:
        raise LocalError(
            "The embedded AWS is not installed.", hint="Run: pip install 'imgctl[local]'"
        )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _only_one(folder):
        lock = _take_server_lock(folder)
        if lock is not None:
            with lock:
                return _launch(folder, region or DEFAULT_REGION, lock)
        endpoint = _wait_for_answer(folder)
    if region is not None and region != endpoint.region:
        raise LocalError(
            f"The embedded AWS runs in {endpoint.region}, and not in {region}.",
            hint="Leave the region out, or run `imgctl local stop` first.",
        )
    return endpoint


def stop(folder: Path) -> bool:
    """Stop the embedded AWS, which saves its state first; False where none was running.

    Raises LocalError where it does not end in time.
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
                f"The embedded AWS (process {endpoint.pid}) does not stop.",
                hint=f"Read {folder / 'server.log'}, or end the process yourself.",
            )
        time.sleep(_PAUSE_S)
    (folder / "server.json").unlink(missing_ok=True)
    return True


def reset(folder: Path) -> None:
    """Stop the embedded AWS and delete all that it kept.

    Raises LocalError for a folder that no embedded AWS ever ran in: it is somebody else's.
    """
    if not folder.exists():
        return
    if not (folder / "server.lock").is_file():
        raise LocalError(
            f"{folder} is not a folder of the embedded AWS; nothing was deleted.",
            hint="Check local_dir with `imgctl config`.",
        )
    stop(folder)
    for name in _CONTENT:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Let one process at a time decide whether to start a server."""
    with (folder / "start.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _take_server_lock(folder: Path) -> BinaryIO | None:
    """Take the lock that a server holds for its whole life; None where one lives."""
    lock = (folder / "server.lock").open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


def _find_locked(folder: Path) -> Endpoint | None:
    """Read who holds the folder's lock; a note that outlived its server is not believed."""
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
        return None  # just being started


def _reap_children() -> None:
    """Let go of servers that this process started and that have ended, whoever stopped them."""
    for pid, process in list(_children.items()):
        if process.poll() is not None:
            del _children[pid]


def _wait_for_answer(folder: Path) -> Endpoint:
    deadline_s = time.monotonic() + _START_TIMEOUT_S
    while (endpoint := running(folder)) is None:
        if time.monotonic() > deadline_s:
            raise LocalError(
                "The embedded AWS runs and does not answer.",
                hint=f"Read {folder / 'server.log'}; `imgctl local stop` ends it.",
            )
        time.sleep(_PAUSE_S)
    return endpoint


def _launch(folder: Path, region: str, lock: BinaryIO) -> Endpoint:
    port = _free_port(folder)
    log_path = folder / "server.log"
    (folder / "home").mkdir(exist_ok=True)
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | {
        # The emulator hands its environment to functions: nothing of the user's is in it.
        "HOME": str(folder / "home"),
        "AUTH": "true",
        "AWS_ACCESS_KEY_ID": ROOT_KEY,
        "AWS_SECRET_ACCESS_KEY": ROOT_SECRET,
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
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "imgctl.local.server", str(port), str(lock.fileno())],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=[lock.fileno()],
        )
    _children[process.pid] = process
    endpoint = Endpoint(f"http://{HOST}:{port}", process.pid, port, region, ROOT_KEY, ROOT_SECRET)
    try:
        (folder / "server.json").write_text(json.dumps(asdict(endpoint)))
        deadline_s = time.monotonic() + _START_TIMEOUT_S
        while not _healthy(endpoint.url):
            if process.poll() is not None or time.monotonic() > deadline_s:
                tail = log_path.read_text(errors="replace").strip().splitlines()[-1:]
                raise LocalError(
                    f"The embedded AWS did not start: {' '.join(tail) or 'it said nothing'}",
                    hint=f"Read {log_path}; `imgctl local reset` begins anew.",
                )
            time.sleep(_PAUSE_S)
    except BaseException:  # an interruption leaves no server that nobody knows of
        process.kill()
        process.wait()
        (folder / "server.json").unlink(missing_ok=True)
        raise
    return endpoint


def _free_port(folder: Path) -> int:
    """Choose the port of the last run where it is free, so that addresses last; else any."""
    remembered = folder / "port"
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # past TIME_WAIT
        try:
            probe.bind((HOST, int(remembered.read_text())))
        except (OSError, ValueError, OverflowError):
            probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    remembered.write_text(str(port))
    return port


def _healthy(url: str) -> bool:
    try:
        with _direct.open(f"{url}/_ministack/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
