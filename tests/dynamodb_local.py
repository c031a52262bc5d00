"""AWS's own emulator of DynamoDB, for what moto answers otherwise: run where Java is installed.

The variable `DYNAMODB_LOCAL` names the folder with DynamoDBLocal.jar, which AWS offers for download
and the npm package amplify-dynamodb-simulator contains (in its folder `emulator`).
"""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.waiting import until

FOLDER = os.environ.get("DYNAMODB_LOCAL", "")
AVAILABLE = bool(shutil.which("java")) and Path(FOLDER, "DynamoDBLocal.jar").is_file()


@contextmanager
def dynamodb_local() -> Iterator[Any]:
    """Start it on a free port, without files; yield a client, and stop it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    java = str(shutil.which("java"))
    options = ["-Djava.library.path=DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar"]
    process = subprocess.Popen(
        [java, *options, "-inMemory", "-sharedDb", "-disableTelemetry", "-port", str(port)],
        cwd=FOLDER,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: _answers(port))
        yield boto3.client(
            "dynamodb",
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name="eu-west-2",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            config=Config(max_pool_connections=20),
        )
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
