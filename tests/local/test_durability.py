"""What the embedded AWS has acknowledged survives a full disk and the death of its process."""

import io
import json
import os
import resource
import signal
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from imgctl.local import daemon, object_files
from imgctl.local.state_folder import LocalError
from tests.waiting import until

BUCKET, TABLE, FUNCTION = "photos", "records", "slow"


class Emulator:
    """A server, and clients that do not hide a failure by retries."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.endpoint = daemon.start(folder)

    def client(self, service: str) -> Any:
        create: Any = boto3.client
        return create(
            service,
            endpoint_url=self.endpoint.url,
            region_name=self.endpoint.region,
            aws_access_key_id=self.endpoint.access_key,
            aws_secret_access_key=self.endpoint.secret_key,
            config=Config(retries={"total_max_attempts": 1}),
        )

    def kill(self) -> None:
        """Kill the server as `kill -9` does, and start another."""
        os.kill(self.endpoint.pid, signal.SIGKILL)
        until(lambda: daemon.running(self.folder) is None)
        self.endpoint = daemon.start(self.folder)

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """Let each write of the server fail, as if there were no space left for a single byte."""
        soft, hard = resource.prlimit(self.endpoint.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.endpoint.pid, resource.RLIMIT_FSIZE, (0, hard))
        yield
        resource.prlimit(self.endpoint.pid, resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    emulator = Emulator(tmp_path / "local")
    yield emulator
    daemon.stop(emulator.folder)


@pytest.fixture
def filled(emulator: Emulator) -> Emulator:
    """With a versioned bucket, an object, a table, an item and a queue."""
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"first", Metadata={"n": "1"})
    dynamodb = emulator.client("dynamodb")
    dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.put_item(TableName=TABLE, Item=item("a", 1))
    emulator.client("sqs").create_queue(QueueName="letters")
    return emulator


def item(key: str, count: int) -> dict[str, Any]:
    return {"id": {"S": key}, "count": {"N": str(count)}}


def items(emulator: Emulator) -> dict[str, int]:
    found = emulator.client("dynamodb").scan(TableName=TABLE)["Items"]
    return {one["id"]["S"]: int(one["count"]["N"]) for one in found}


def contents(emulator: Emulator) -> list[tuple[str, bytes, bool]]:
    """Return each version of each object, newest first, as it is listed and read."""
    s3 = emulator.client("s3")
    listed = s3.list_object_versions(Bucket=BUCKET).get("Versions", [])
    return [
        (
            version["Key"],
            s3.get_object(Bucket=BUCKET, Key=version["Key"], VersionId=version["VersionId"])[
                "Body"
            ].read(),
            version["IsLatest"],
        )
        for version in listed
    ]


def letters(emulator: Emulator) -> list[str]:
    sqs = emulator.client("sqs")
    url = sqs.get_queue_url(QueueName="letters")["QueueUrl"]
    received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
    return [message["Body"] for message in received.get("Messages", [])]


def test_whatever_was_acknowledged_survives_a_kill(filled: Emulator) -> None:
    filled.client("iam").create_user(UserName="reader")
    url = filled.client("sqs").get_queue_url(QueueName="letters")["QueueUrl"]
    filled.client("sqs").send_message(QueueUrl=url, MessageBody="hello")
    s3, dynamodb = filled.client("s3"), filled.client("dynamodb")
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"second")
    s3.put_object(Bucket=BUCKET, Key="b/ü c", Body=b"other")
    s3.delete_object(Bucket=BUCKET, Key="b/ü c")
    for _ in range(3):
        dynamodb.update_item(
            TableName=TABLE,
            Key={"id": {"S": "a"}},
            UpdateExpression="ADD #count :one",
            ExpressionAttributeNames={"#count": "count"},
            ExpressionAttributeValues={":one": {"N": "1"}},
        )
    dynamodb.transact_write_items(
        TransactItems=[{"Put": {"TableName": TABLE, "Item": item("b", 7)}}]
    )
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        dynamodb.put_item(
            TableName=TABLE, Item=item("b", 8), ConditionExpression="attribute_not_exists(id)"
        )
    for _ in range(2):  # what is repeated at the start is not repeated once more
        filled.kill()
        assert [u["UserName"] for u in filled.client("iam").list_users()["Users"]] == ["reader"]
        assert letters(filled) == ["hello"]
        assert items(filled) == {"a": 4, "b": 7}
        assert contents(filled) == [
            ("a", b"second", True),
            ("a", b"first", False),
            ("b/ü c", b"other", False),
        ]
        assert "b/ü c" not in str(filled.client("s3").list_objects_v2(Bucket=BUCKET))


def test_a_full_disk_is_an_error_at_once_and_changes_nothing(filled: Emulator) -> None:
    s3, dynamodb = filled.client("s3"), filled.client("dynamodb")
    before = contents(filled), items(filled)
    with filled.full_disk():
        for key in ("a", "new"):
            with pytest.raises(ClientError, match="InternalError"):
                s3.put_object(Bucket=BUCKET, Key=key, Body=b"lost")
            with pytest.raises(ClientError, match="InternalServerError"):
                dynamodb.put_item(TableName=TABLE, Item=item(key, 9))
        with pytest.raises(ClientError, match="InternalError"):
            s3.delete_object(Bucket=BUCKET, Key="a")  # a delete marker is a file, too
        assert (contents(filled), items(filled)) == before
    dynamodb.put_item(TableName=TABLE, Item=item("later", 1))
    s3.put_object(Bucket=BUCKET, Key="later", Body=b"kept")
    filled.kill()
    assert items(filled) == {"a": 1, "later": 1}
    assert contents(filled) == [("a", b"first", True), ("later", b"kept", True)]


@pytest.mark.parametrize(
    ("service", "create", "find"),
    [
        (
            "iam",
            lambda iam: iam.create_user(UserName="new"),
            lambda iam: [user["UserName"] for user in iam.list_users()["Users"]],
        ),
        (
            "sqs",
            lambda sqs: sqs.create_queue(QueueName="new"),
            lambda sqs: [url.rpartition("/")[2] for url in sqs.list_queues()["QueueUrls"]],
        ),
        (
            "s3",
            lambda s3: s3.create_bucket(Bucket="new"),
            lambda s3: [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]],
        ),
    ],
)
def test_other_services_report_a_full_disk_until_there_is_space(
    filled: Emulator, service: str, create: Callable[[Any], Any], find: Callable[[Any], list[str]]
) -> None:
    with filled.full_disk(), pytest.raises(ClientError) as failed:
        create(filled.client(service))
    assert failed.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    shown = find(filled.client(service))
    filled.kill()
    assert set(find(filled.client(service))) >= set(shown)


def test_an_incomplete_last_entry_of_the_log_was_not_acknowledged(filled: Emulator) -> None:
    dynamodb = filled.client("dynamodb")
    dynamodb.put_item(TableName=TABLE, Item=item("b", 2))
    log = next((filled.folder / "state").glob("dynamodb.*.log"))
    with log.open("ab") as file:
        file.write(b'{"account_id": "0000')
    filled.kill()
    filled.client("dynamodb").put_item(TableName=TABLE, Item=item("c", 3))
    filled.kill()
    assert items(filled) == {"a": 1, "b": 2, "c": 3}


def test_unreadable_state_stops_the_start_instead_of_being_replaced(filled: Emulator) -> None:
    daemon.stop(filled.folder)
    state = filled.folder / "state" / "iam.json"
    state.write_text("{")
    with pytest.raises(LocalError, match=r"cannot read the state .*: Expecting property"):
        daemon.start(filled.folder)
    assert state.read_text() == "{"


def staged(tmp_path: Path) -> tuple[Path, Path]:
    folder = tmp_path / object_files.STAGED
    folder.mkdir()
    target = tmp_path / "objects" / "a"
    object_files.replace(folder, target, b"old", {"n": 1})
    return folder, target


def metadata_of(target: Path) -> Any:
    return json.loads(target.with_name("a.meta.json").read_text())["n"]


@pytest.mark.parametrize("renames", range(4))
def test_a_kill_between_any_two_steps_leaves_the_old_or_the_new_object(
    tmp_path: Path, renames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, target = staged(tmp_path)
    left = iter([True] * renames)
    for name in ("rename", "replace", "rmdir"):
        step = getattr(Path, name)

        def killed(self: Path, *arguments: Any, step: Any = step) -> Any:
            if not next(left, False):
                raise KeyboardInterrupt
            return step(self, *arguments)

        monkeypatch.setattr(Path, name, killed)
    with pytest.raises(KeyboardInterrupt):
        object_files.replace(folder, target, b"new", {"n": 2})
    monkeypatch.undo()
    object_files.recover(folder)
    expected = (b"new", 2) if renames else (b"old", 1)
    assert (target.read_bytes(), metadata_of(target)) == expected
    assert list(folder.iterdir()) == []


HANDLER = """
import os, pathlib, time
folder = pathlib.Path(os.environ["FOLDER"])
def handler(event, context):
    (folder / "started").write_text(str(os.getpid()))
    while not (folder / "gate").exists():
        time.sleep(0.01)
    (folder / event["name"]).touch()
"""


@pytest.fixture
def slow(emulator: Emulator, tmp_path: Path) -> Path:
    """A function that starts, and finishes when there is a file `gate` in the returned folder."""
    folder = tmp_path / "function"
    folder.mkdir()
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("m.py", HANDLER)
    role = emulator.client("iam").create_role(
        RoleName="function",
        AssumeRolePolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "lambda.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                    }
                ],
            }
        ),
    )["Role"]["Arn"]
    functions = emulator.client("lambda")
    functions.create_function(
        FunctionName=FUNCTION,
        Runtime="python3.12",
        Handler="m.handler",
        Role=role,
        Timeout=60,
        Code={"ZipFile": code.getvalue()},
        Environment={"Variables": {"FOLDER": str(folder)}},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName=FUNCTION)
    return folder


def send(emulator: Emulator, name: str) -> None:
    emulator.client("lambda").invoke(
        FunctionName=FUNCTION, InvocationType="Event", Payload=json.dumps({"name": name})
    )


def exited(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()


def test_a_killed_server_takes_its_functions_along_and_delivers_their_events_again(
    emulator: Emulator, slow: Path
) -> None:
    send(emulator, "done")
    until((slow / "started").exists)
    worker = until((slow / "started").read_text)
    os.kill(emulator.endpoint.pid, signal.SIGKILL)
    until(lambda: exited(int(worker)))
    assert not (slow / "done").exists()
    (slow / "gate").touch()
    daemon.start(emulator.folder)
    until((slow / "done").exists)
    stopped = daemon.stop(emulator.folder)
    assert stopped == daemon.Stopped(pending_events=0)


def test_a_stop_waits_for_pending_events(emulator: Emulator, slow: Path) -> None:
    for number in range(20):
        send(emulator, f"done {number}")
    (slow / "gate").touch()
    assert daemon.stop(emulator.folder) == daemon.Stopped(pending_events=0)
    assert len(list(slow.glob("done *"))) == 20


def test_a_stop_keeps_events_that_do_not_finish_for_the_next_start(
    emulator: Emulator, slow: Path
) -> None:
    send(emulator, "one")
    send(emulator, "two")
    until((slow / "started").exists)
    assert daemon.stop(emulator.folder) == daemon.Stopped(pending_events=2)
    assert not (emulator.folder / "tmp").exists()
    assert exited(int((slow / "started").read_text()))
    (slow / "gate").touch()
    daemon.start(emulator.folder)
    until(lambda: (slow / "one").exists() and (slow / "two").exists())


def test_a_start_waits_for_a_server_that_is_stopping(emulator: Emulator, slow: Path) -> None:
    send(emulator, "done")
    until((slow / "started").exists)
    os.kill(emulator.endpoint.pid, signal.SIGTERM)
    until(lambda: daemon.running(emulator.folder) is None)  # it waits for the event
    (slow / "gate").touch()
    assert daemon.start(emulator.folder).pid != emulator.endpoint.pid
    assert (slow / "done").exists()


def test_an_event_that_cannot_be_kept_is_not_accepted(emulator: Emulator, slow: Path) -> None:
    (slow / "gate").touch()
    with emulator.full_disk(), pytest.raises(ClientError, match="ServiceException"):
        send(emulator, "lost")
    send(emulator, "kept")
    until((slow / "kept").exists)
    assert not (slow / "lost").exists()


def test_copies_of_functions_are_in_the_folder_and_deleted_with_the_server(
    emulator: Emulator, slow: Path
) -> None:
    (slow / "gate").touch()
    send(emulator, "done")
    until((slow / "done").exists)
    copies = set((emulator.folder / "tmp").iterdir())
    assert copies
    emulator.kill()
    assert not copies & set((emulator.folder / "tmp").iterdir())
    daemon.stop(emulator.folder)
    assert not (emulator.folder / "tmp").exists()
