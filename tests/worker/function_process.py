"""The function's own entry point in a process with Lambda's limits, on emulated buckets.

`run_function` is for tests. To try pictures of one's own, as Lambda would:

    python -m tests.worker.function_process MEGABYTES SECONDS PICTURE...
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Handled:
    """What became of one picture. `child_peak_mb` is the largest child's so far."""

    picture: str
    status: str
    code: str | None
    reason: str | None
    seconds: float
    child_peak_mb: int
    own_peak_mb: int


def run_function(pictures: Sequence[Path], *, memory_mb: int, timeout_s: float) -> list[Handled]:
    """Invoke the function for each picture, all in one execution environment.

    The address space of each process is limited to the function's memory. Raises
    CalledProcessError if the function's process does not survive.
    """
    process = subprocess.run(
        [sys.executable, "-m", __spec__.name, str(memory_mb), str(timeout_s), *map(str, pictures)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    lines = [json.loads(line) for line in process.stdout.splitlines()]
    return [Handled(**line) for line in lines if "picture" in line]


class _Context:
    aws_request_id = "request-1"

    def __init__(self, timeout_s: float) -> None:
        self._end_s = time.monotonic() + timeout_s

    def get_remaining_time_in_millis(self) -> int:
        return int((self._end_s - time.monotonic()) * 1000)


def _main(memory_mb: int, timeout_s: float, pictures: Sequence[Path]) -> None:
    import boto3  # noqa: PLC0415
    from moto import mock_aws  # noqa: PLC0415

    from imgctl.worker.function import lambda_handler  # noqa: PLC0415 (forks, without moto)

    os.environ |= {
        "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb), "SCALE": "0.5",
        "SOURCE_BUCKET": "source", "DESTINATION_BUCKET": "destination", "TABLE_NAME": "records",
        "OUTPUT_PREFIX": "resized-",
    }  # fmt: skip
    limit = memory_mb * MEBIBYTE
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    with mock_aws():
        s3, dynamodb = boto3.client("s3"), boto3.client("dynamodb")
        for bucket in ("source", "destination"):
            s3.create_bucket(Bucket=bucket)
        dynamodb.create_table(
            TableName="records",
            AttributeDefinitions=[{"AttributeName": "resource-id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "resource-id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        for picture in pictures:
            etag = s3.put_object(Bucket="source", Key=picture.name, Body=picture.read_bytes())[
                "ETag"
            ]
            started_s = time.monotonic()
            response = lambda_handler(_event(picture.name, etag), _Context(timeout_s))
            (outcome,) = response["outcomes"]
            print(json.dumps(_result(picture, outcome, time.monotonic() - started_s)), flush=True)
            s3.delete_object(Bucket="source", Key=picture.name)  # which is held in this process


def _event(key: str, etag: str) -> dict[str, Any]:
    s3_object = {"key": key, "eTag": etag.strip('"'), "sequencer": "0A"}
    record = {
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": "source"}, "object": s3_object},
    }
    return {"Records": [record]}


def _result(picture: Path, outcome: dict[str, Any], seconds: float) -> dict[str, Any]:
    return {
        "picture": picture.name,
        "status": outcome["status"],
        "code": outcome["code"],
        "reason": outcome["reason"],
        "seconds": round(seconds, 2),
        "child_peak_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
        "own_peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


if __name__ == "__main__":
    _main(int(sys.argv[1]), float(sys.argv[2]), [Path(name) for name in sys.argv[3:]])
