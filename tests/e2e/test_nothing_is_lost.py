"""Eighty uploads, some overwritten in flight, and a function that fails for a while."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from imgctl.aws.session import Aws
from imgctl.aws.stack import load_outputs
from imgctl.core import current_record
from imgctl.core.record import from_item
from tests.e2e.conftest import Local
from tests.pictures import encoded, photo

GOOD = [
    encoded(photo(40, 30), "JPEG"),
    encoded(photo(30, 40), "PNG"),
    encoded(photo(36, 24), "WEBP"),
]
BAD = [b"not a picture", b"", encoded(photo(200, 200), "JPEG")[:500], b"<svg></svg>"]
UPLOADS, WORKING, FAILING = 60, 32, 38
OVERWRITTEN = range(0, UPLOADS, UPLOADS // 20)
QUIET_S = 4  # longer than the emulator waits before its second retry
FUNCTION_ROLE, DENIED = "lambda-image-role", "fails-for-a-while"


def content(number: int, *, again: bool = False) -> bytes:
    """Give an upload's bytes: one in seven is no picture; what overwrites is of another kind."""
    bad = (number % 7 == 3) != (again and number % 2 == 1)
    return BAD[number % len(BAD)] if bad else GOOD[(number + again) % len(GOOD)]


def key_of(number: int) -> str:
    return f"folder {number % 5}/picture+{number}.jpg"


def upload(aws: Aws, bucket: str, numbers: range) -> None:
    """Upload pictures side by side, and some of them twice at once."""

    def one(number: int) -> None:
        aws.s3.put_object(Bucket=bucket, Key=key_of(number), Body=content(number))
        if number in OVERWRITTEN:
            data = content(number, again=True)
            aws.s3.put_object(Bucket=bucket, Key=key_of(number), Body=data)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, numbers))


def bad_keys() -> set[str]:
    """Give the keys whose newest upload is no picture."""
    last = {number: content(number, again=number in OVERWRITTEN) for number in range(UPLOADS)}
    return {key_of(number) for number, data in last.items() if data in BAD}


@contextmanager
def failing(aws: Aws) -> Iterator[None]:
    """Let the function fail: take its rights away."""
    iam = aws.session.client("iam", endpoint_url=aws.endpoint_url, region_name=aws.region)
    denial = {"Effect": "Deny", "Action": ["s3:PutObject", "dynamodb:*"], "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [denial]})
    iam.put_role_policy(RoleName=FUNCTION_ROLE, PolicyName=DENIED, PolicyDocument=document)
    yield
    iam.delete_role_policy(RoleName=FUNCTION_ROLE, PolicyName=DENIED)


def wait_until_quiet(aws: Aws, table: str, queue: str, *, letters: int = 0) -> None:
    """Wait until neither the table nor the queue has changed for longer than a retry takes.

    And until so many letters are in the queue: of events that fail nothing else is to be seen.
    """
    before, quiet_s = (-1, -1), 0.0
    while quiet_s < QUIET_S or before[1] < letters:
        time.sleep(0.5)
        items = aws.dynamodb.scan(TableName=table, Select="COUNT")["Count"]
        answer = aws.sqs.get_queue_attributes(
            QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"]
        )
        now = (items, int(answer["Attributes"]["ApproximateNumberOfMessages"]))
        quiet_s = quiet_s + 0.5 if now == before else 0.0
        before = now


def logged_lines(aws: Aws, group: str) -> list[dict[str, Any]]:
    logs = aws.session.client("logs", endpoint_url=aws.endpoint_url, region_name=aws.region)
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
    messages = [event["message"] for page in pages for event in page["events"]]
    return [json.loads(message) for message in messages if message.startswith("{")]


def test_whatever_happens_audit_ends_clean_after_redrive(empty: Local) -> None:
    empty.imgctl("deploy", "--yes").succeeded()
    aws, outputs = empty.aws, load_outputs(empty.aws, "imgctl")
    bad = bad_keys()
    upload(aws, outputs.source_bucket, range(WORKING))
    wait_until_quiet(aws, outputs.table, outputs.dead_letter_queue)
    with failing(aws):
        upload(aws, outputs.source_bucket, range(WORKING, FAILING))
        failed = FAILING - WORKING + len(set(OVERWRITTEN) & set(range(WORKING, FAILING)))
        wait_until_quiet(aws, outputs.table, outputs.dead_letter_queue, letters=failed)
        waiting = empty.imgctl("redrive", "--list", "--json").succeeded().document["letters"]
        assert len(waiting) >= failed
        asked = empty.imgctl("destroy")
        assert (asked.code, f"{len(waiting)} unprocessed dead-letter messages" in asked.err) == (
            2,
            True,
        )
        assert all("denied" in letter["cause"] and letter["keys"] for letter in waiting)
        still = empty.imgctl("redrive", "--json")
        assert still.code == 1  # it fails as before, and every letter is kept
        listed = empty.imgctl("redrive", "--list", "--json").document["letters"]
        assert len(listed) == len(waiting)
    upload(aws, outputs.source_bucket, range(FAILING, UPLOADS))
    replayed = empty.imgctl("redrive", "--json").succeeded().document
    assert replayed["totals"] == {"replayed": len(waiting)}
    assert empty.imgctl("redrive", "--json").succeeded().document["letters"] == []
    wait_until_quiet(aws, outputs.table, outputs.dead_letter_queue)

    audited = empty.imgctl("audit", "--json").document
    assert audited["totals"] == {"objects": UPLOADS, "failed": len(bad)}
    assert {finding["key"] for finding in audited["findings"]} == bad

    for key in bad:
        aws.s3.put_object(Bucket=outputs.source_bucket, Key=key, Body=GOOD[0])
    wait_until_quiet(aws, outputs.table, outputs.dead_letter_queue)
    clean = empty.imgctl("audit", "--json").succeeded().document
    assert clean == {"schema": 1, "findings": [], "totals": {"objects": UPLOADS}}

    items = aws.dynamodb.get_paginator("scan").paginate(TableName=outputs.table)
    found = [item for page in items for item in page["Items"]]
    records = [from_item(item) for item in found if current_record.MARK not in item]
    assert len(records) == UPLOADS + len(OVERWRITTEN) + len(bad)  # one for each upload
    assert Counter(record.status.value for record in records) == {
        "SUCCEEDED": UPLOADS,
        "SUPERSEDED": len(OVERWRITTEN) + len(bad),
    }
    written = aws.s3.get_paginator("list_objects_v2").paginate(Bucket=outputs.destination_bucket)
    assert sum(len(page.get("Contents", [])) for page in written) == UPLOADS
    lines = logged_lines(aws, outputs.function_log_group)
    counted = Counter(line["record"] for line in lines if line.get("outcome") == "SUCCEEDED")
    assert set(counted.values()) == {1}
    assert set(counted) <= {one.resource_id for one in records}
