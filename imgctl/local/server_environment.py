"""What the server of the embedded AWS starts with: its port, credentials and environment."""

import base64
import json
import os
import secrets
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

from imgctl.local.state_folder import StateFolder

HOST = "127.0.0.1"
ACCOUNT_ID = "000000000000"

_INHERITED_VARIABLES = ("PATH", "LANG", "LC_ALL", "TZ", "SYSTEMROOT")


@dataclass(frozen=True, slots=True)
class RootCredentials:
    """The root user's credentials: random, and different for each folder."""

    access_key: str
    secret_key: str


def root_credentials(state: StateFolder) -> RootCredentials:
    """Return the credentials of a folder's root user, created when they are first needed."""
    try:
        return RootCredentials(**json.loads(state.read("root.json")))
    except (FileNotFoundError, ValueError, TypeError):
        # A key in AWS's own form: 20 uppercase letters and digits.
        key = "AKIA" + base64.b32encode(secrets.token_bytes(10)).decode()
        root = RootCredentials(key, secrets.token_urlsafe(30))
        state.write("root.json", json.dumps(asdict(root)))
        return root


def choose_port(state: StateFolder) -> int:
    """Choose the port of the last run if it is free, so that addresses stay valid, else any."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # ignores TIME_WAIT
        try:
            probe.bind((HOST, int(state.read("port"))))
        except (OSError, ValueError, OverflowError):
            probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    state.write("port", str(port))
    return port


def variables(folder: Path, region: str, port: int, root: RootCredentials) -> dict[str, str]:
    """Return the server's environment, which the emulator passes on to functions.

    It therefore has none of the user's variables, except those that any program needs. Temporary
    files, such as the emulator's copies of functions, are in the folder, too.
    """
    return {name: os.environ[name] for name in _INHERITED_VARIABLES if name in os.environ} | {
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
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
