"""The gallery's server on an AWS in this process, and its clients."""

import asyncio
import http.client
import json
import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Any

import pytest
from moto import mock_aws

from imgctl.aws import storage
from imgctl.aws.content import Content
from imgctl.aws.object_writer import BotoWriter, ObjectWriter
from imgctl.aws.session import Aws, connect
from imgctl.aws.storage import StoredObject
from imgctl.core.keys import resource_id
from imgctl.core.record import Record, timestamp, to_item
from imgctl.gallery.server import Options, listen, serve_until
from imgctl.pages.report import LivePage
from tests.moto_aws import TABLE, create_table
from tests.stack_outputs import OUTPUTS

TOKEN = "the-token-of-this-test"
PAGE = LivePage(b"<!doctype html><p>the page</p>", "default-src 'self'")
SOURCE = OUTPUTS.source_bucket


@dataclass
class Answer:
    """A response, read whole."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.document["error"]["code"])


class HeldWriter:
    """Stores objects when it is let, and says when it is asked to."""

    def __init__(self, writer: ObjectWriter) -> None:
        self._writer = writer
        self.asked, self.may_store = Event(), Event()
        self.reset()

    def reset(self) -> None:
        self.asked.clear()
        self.may_store.set()

    def put(self, key: str, content: Content) -> StoredObject:
        self.asked.set()
        assert self.may_store.wait(30)
        return self._writer.put(key, content)


@dataclass
class Running:
    """A gallery that runs in a thread."""

    port: int
    aws: Aws
    table: str
    writer: HeldWriter
    stopping: "Future[asyncio.Event]" = field(default_factory=Future)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    errors: list[Exception] = field(default_factory=list)

    def request(
        self, method: str, path: str, body: Any = None, *, token: str | None = TOKEN, **headers: str
    ) -> Answer:
        """Send a request; an underscore in a header's name stands for a hyphen."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            named["X-Imgctl-Token"] = token
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, named)
            response = connection.getresponse()
            received = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, received, response.read())
        finally:
            connection.close()

    def upload(self, name: str, data: bytes, **headers: str) -> Answer:
        """Upload a file; the name is already encoded."""
        return self.request("POST", f"/api/uploads?name={name}", data, **headers)

    def connect(self) -> socket.socket:
        """Return a connection of which the test chooses every byte."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def stored(self) -> list[str]:
        """List the keys in the source bucket."""
        return [o["Key"] for o in self.aws.s3.list_objects_v2(Bucket=SOURCE).get("Contents", [])]

    def process(self, stored: dict[str, str]) -> Record:
        """Write the record of an upload, as the function does."""
        identity = resource_id(SOURCE, stored["key"], version_id=stored["version_id"])
        record = record_at(0, identity, original_object_key=stored["key"])
        self.add(record)
        return record

    def add(self, *records: Record) -> None:
        """Store records in the table."""
        for record in records:
            item: Any = to_item(record)
            self.aws.dynamodb.put_item(TableName=self.table, Item=item)

    def stop(self) -> None:
        """Stop as Ctrl-C does."""
        with suppress(RuntimeError):  # it has ended
            self.loop.call_soon_threadsafe(self.stopping.result().set)


def record_at(order: int, identity: str, **values: Any) -> Record:
    """Return a record of now; a higher order is later."""
    time = datetime.now(UTC) + timedelta(milliseconds=order)
    return replace(Record(resource_id=identity, processing_time=timestamp(time)), **values)


@contextmanager
def serving(aws: Aws, table: str) -> Iterator[Running]:
    """Run a gallery in a thread until the block ends."""
    listening = listen(0)
    writer = HeldWriter(BotoWriter(aws.s3, SOURCE))
    running = Running(listening.getsockname()[1], aws, table, writer)
    options = Options(
        aws=aws,
        outputs=replace(OUTPUTS, table=table),
        writer=writer,
        page=PAGE,
        token=TOKEN,
        on_error=running.errors.append,
        on_note=lambda note: None,  # noqa: ARG005
    )

    async def serve() -> None:
        stopping = asyncio.Event()
        running.stopping.set_result(stopping)
        await serve_until(stopping, listening, options)

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: running.loop) as runner:
            runner.run(serve())

    thread = Thread(target=run)
    thread.start()
    try:
        yield running
    finally:
        running.writer.may_store.set()
        running.stop()
        thread.join(30)
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    """A gallery that the tests of a module share: an account for each would take most of a test."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        aws = connect(region="eu-west-2")
        aws.s3.create_bucket(
            Bucket=SOURCE, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"}
        )
        versioned: Any = {"Status": "Enabled"}
        aws.s3.put_bucket_versioning(Bucket=SOURCE, VersioningConfiguration=versioned)
        with serving(aws, create_table(aws.dynamodb, TABLE)) as running:
            yield running


@pytest.fixture
def gallery(server: Running) -> Iterator[Running]:
    """The shared gallery, of an account with nothing in it."""
    yield server
    assert server.errors == []
    server.writer.reset()
    list(storage.empty_bucket(server.aws.s3, SOURCE, owner="123456789012"))
    for item in server.aws.dynamodb.scan(TableName=server.table)["Items"]:
        key = {"resource-id": item["resource-id"]}
        server.aws.dynamodb.delete_item(TableName=server.table, Key=key)


def keys(entries: Sequence[dict[str, Any]]) -> list[str]:
    """Return the keys of entries."""
    return [entry["record"]["OriginalObjectKey"] for entry in entries]
