"""The gallery's server: its socket, its life, and its orderly end."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from hypercorn.asyncio import serve
from hypercorn.config import Config

from imgctl.aws.object_writer import ObjectWriter
from imgctl.aws.session import Aws
from imgctl.aws.stack import StackOutputs
from imgctl.core.errors import Hint, ImgctlError
from imgctl.core.keys import resource_id
from imgctl.core.record import Record
from imgctl.gallery.application import Services, application
from imgctl.gallery.arrivals import Arrivals, Receivers
from imgctl.gallery.entries import EntryReader, Sources
from imgctl.gallery.feed import Feed
from imgctl.gallery.uploads import Uploads
from imgctl.loopback import HOST
from imgctl.operations.history import RecordQuery, find_records
from imgctl.operations.thumbnails import ThumbnailMaker
from imgctl.operations.upload import UploadResult, UploadServices
from imgctl.pages.report import LivePage

FINISH_S = 10
"""How long a stop waits for uploads that S3 may have stored already."""

_ANSWER_S = 1  # for requests that are being answered at a stop
_MAX_HEADER_BYTES = 16 * 1024
_HEADER_S = 10  # until the header of a request is complete, and between two requests


class PortTaken(ImgctlError):
    """The port is not free, or may not be used."""

    code = "port"


@dataclass(frozen=True, slots=True)
class Options:
    """What is served: records and uploads of a stack, on a page, to whoever has the token.

    Without `thumbnails` no image is downloaded. `writer` stores uploads, `uploads.AT_ONCE` at the
    same time. `on_error` is called with errors that are imgctl's own, and `on_note` with what only
    --verbose shows, by any thread.
    """

    aws: Aws
    outputs: StackOutputs
    writer: ObjectWriter
    page: LivePage
    token: str
    on_error: Callable[[Exception], None]
    on_note: Callable[[str], None]
    thumbnails: bool = True


def listen(port: int) -> socket.socket:
    """Return a socket that listens on the loopback address; port 0 is any that is free."""
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        raise PortTaken(
            f"Port {port} cannot be used: {error.strerror or error}.",
            hint="Choose another --port, or leave it out for one that is free.",
        ) from error


def run(listening: socket.socket, options: Options) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP; a second SIGINT raises KeyboardInterrupt."""

    async def until_signal() -> None:
        loop, stopping = asyncio.get_running_loop(), asyncio.Event()

        def stop(number: signal.Signals) -> None:
            loop.remove_signal_handler(number)  # the second time it ends the process
            stopping.set()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, stop, number)
        await serve_until(stopping, listening, options)

    asyncio.run(until_signal())


async def serve_until(stopping: asyncio.Event, listening: socket.socket, options: Options) -> None:
    """Serve until an event is set.

    Then uploads that are being sent are finished, and those that are being received are given up.
    """
    loop = asyncio.get_running_loop()
    aws, outputs = options.aws, options.outputs
    feed = Feed()
    arrivals = Arrivals(
        aws.dynamodb,
        outputs.table,
        Receivers(
            partial(_call, loop, feed.add),
            partial(_call, loop, feed.fail),
            lambda: feed.asked_s,
        ),
    )
    upload_services = UploadServices(
        aws.s3, outputs, Hint(""), options.writer, on_note=options.on_note
    )
    uploads = Uploads(upload_services, lambda result: _expect(arrivals, result))
    with ThumbnailMaker(aws.s3, lambda key, why: options.on_note(f"{key}: {why}")) as maker:
        sources = Sources(
            partial(_find, aws, outputs),
            maker.begin if options.thumbnails else None,
            partial(maker.begin, urgent=True) if options.thumbnails else None,
            partial(_call, loop, feed.add_again),
        )
        reader = EntryReader(sources)
        services = Services(options.page, reader, feed, uploads, options.on_error)
        gallery = application(services, listening.getsockname()[1], options.token)

        async def stopped() -> None:
            await stopping.wait()
            gallery.refuse()
            feed.stop()
            await uploads.finish(FINISH_S)
            await gallery.end(_ANSWER_S)

        arrivals.start()
        try:
            await serve(gallery, _config(listening), shutdown_trigger=stopped)  # type: ignore[arg-type] # hypercorn's own scope types
        finally:
            arrivals.stop()


def _config(listening: socket.socket) -> Config:
    config = Config()
    config.bind = [f"fd://{listening.detach()}"]  # hypercorn closes it
    config.accesslog = None  # it would contain the token
    config.errorlog = None  # what fails is told by the application
    config.include_server_header = False
    config.h11_max_incomplete_size = _MAX_HEADER_BYTES
    config.keep_alive_timeout = _HEADER_S
    config.graceful_timeout = 1
    return config


def _expect(arrivals: Arrivals, result: UploadResult) -> None:
    stored = result.stored
    if stored is not None:
        arrivals.expect(resource_id(stored.bucket, stored.key, version_id=stored.version_id))


def _find(aws: Aws, outputs: StackOutputs, query: RecordQuery, limit: int) -> Iterator[Record]:
    return find_records(aws.dynamodb, outputs.table, query, limit=limit)


def _call(
    loop: asyncio.AbstractEventLoop, function: Callable[..., None], *arguments: object
) -> None:
    """Call a function on the loop, from another thread."""
    with suppress(RuntimeError):  # the loop has ended
        loop.call_soon_threadsafe(function, *arguments)
