"""The parent's side of one child process: its start, the images it resizes, and its end."""

import gc
import os
import signal
import socket
import subprocess
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import BinaryIO, NoReturn

from imgctl.core.limits import Limits
from imgctl.core.result import ResizeResult
from imgctl.core.spec import ResizeSpec
from imgctl.sandbox import messages
from imgctl.sandbox.interpreter import isolated_command
from imgctl.sandbox.messages import BadResponse

_EXIT_S = 1  # between the end of a connection and of its process
_POLL_S = 0.001
_CORRUPTED = 1  # as if the child had noticed itself that it does not work any more


class ChildDied(Exception):
    """The child ended while it resized an image.

    `exit_code` is negative for a signal. `timed_out` if the deadline passed and it was killed.
    """

    def __init__(self, exit_code: int, *, timed_out: bool) -> None:
        super().__init__(f"the child process ended with {exit_code}")
        self.exit_code = exit_code
        self.timed_out = timed_out


class ChildNotStarted(RuntimeError):
    """The child ended before it was ready, which is no image's fault."""


class Child:
    """A process that runs `imgctl.sandbox.server`, and the connection to it."""

    def __init__(self, pid: int, connection: socket.socket, poll: Callable[[], int | None]) -> None:
        """`poll` returns the exit code, negative for a signal; None while the process runs."""
        self._pid = pid
        self._connection = connection
        self._poll = poll
        self._is_ready = False
        self._is_interrupted = False
        self.is_used = False

    def resize(
        self,
        source: BinaryIO,
        specs: Sequence[ResizeSpec],
        limits: Limits,
        deadline_s: float | None,
    ) -> list[ResizeResult]:
        """Resize an image in several ways until the monotonic clock reaches `deadline_s`.

        Raises PictureError, ChildDied or ChildNotStarted.
        """
        self.wait_until_ready(deadline_s)
        self.is_used = True
        try:
            self._limit_wait(deadline_s)
            messages.send_request(self._connection, source, specs, limits)
            response = messages.decode_response(self._receive_line(deadline_s))
            if isinstance(response, Exception):
                raise response
            sizes, total = response.data_bytes, sum(response.data_bytes)
            if len(sizes) != len(specs):
                raise BadResponse(f"{len(sizes)} results")
            if min(sizes) < 0 or total > limits.max_process_bytes:
                raise BadResponse(f"{sizes} bytes")
            # The child frees each one that it has sent.
            return response.with_data([self._receive(size, deadline_s) for size in sizes])
        except TimeoutError as error:
            raise ChildDied(self.end(), timed_out=True) from error
        except (OSError, EOFError) as error:
            grace_s = 0 if self._is_interrupted else _EXIT_S
            raise ChildDied(self.end(grace_s), timed_out=False) from error
        except BadResponse as error:
            self.end()
            raise ChildDied(_CORRUPTED, timed_out=False) from error

    def wait_until_ready(self, deadline_s: float | None = None) -> None:
        """Wait until the child can resize. Raises ChildNotStarted."""
        if not self._is_ready:
            try:
                self._is_ready = self._receive_line(deadline_s) == messages.READY
            except (OSError, EOFError, BadResponse):
                self._is_ready = False
            if not self._is_ready:
                raise ChildNotStarted(f"resizing did not start: exit code {self.end(_EXIT_S)}")

    def interrupt(self) -> None:
        """Make a call of `resize` in another thread fail at once."""
        self._is_interrupted = True
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def end(self, grace_s: float = 0) -> int:
        """Kill the process unless it exits within `grace_s`, and return its exit code."""
        self._connection.close()
        kill_at_s = time.monotonic() + grace_s
        while (exit_code := self._poll()) is None:
            if time.monotonic() >= kill_at_s:
                os.kill(self._pid, signal.SIGKILL)  # it is not reaped: the ID is still its own
            time.sleep(_POLL_S)
        return exit_code

    def _receive_line(self, deadline_s: float | None) -> bytes:
        """Receive a line and nothing beyond it: what follows is read into memory of its own."""
        line = b""
        while not line.endswith(b"\n"):
            self._limit_wait(deadline_s)
            waiting = self._connection.recv(messages.MAX_LINE_BYTES, socket.MSG_PEEK)
            size = waiting.find(b"\n") + 1 or len(waiting)
            if not size:
                raise EOFError
            line += self._connection.recv(size)
            if len(line) > messages.MAX_LINE_BYTES:
                raise BadResponse("a line is too long")
        return line

    def _receive(self, size: int, deadline_s: float | None) -> bytes:
        data = bytearray(size)
        rest = memoryview(data)
        while rest:
            self._limit_wait(deadline_s)
            received = self._connection.recv_into(rest)
            if not received:
                raise EOFError
            rest = rest[received:]
        return bytes(data)

    def _limit_wait(self, deadline_s: float | None) -> None:
        """Limit the next call on the connection, which then raises TimeoutError."""
        left_s = None if deadline_s is None else max(deadline_s - time.monotonic(), 0.001)
        self._connection.settimeout(left_s)


def fork(*, every_format: bool = False) -> Child:
    """Fork this process, which must not have started threads. For the function.

    It takes a millisecond, where a new interpreter takes 20. With `every_format`, the child is only
    ready when the modules of every image format are loaded, which it otherwise does as needed.
    """
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        _run_forked(theirs, every_format=every_format)
    theirs.close()
    return Child(pid, ours, lambda: _exit_code(pid))


def _exit_code(pid: int) -> int | None:
    waited, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if waited else None


def _run_forked(connection: socket.socket, *, every_format: bool) -> NoReturn:
    exit_code = 1
    try:
        # Files and connections of the function are not the child's, who would keep them open.
        descriptor = connection.fileno()
        os.closerange(3, descriptor)
        os.closerange(descriptor + 1, os.sysconf("SC_OPEN_MAX"))
        from imgctl.sandbox import server  # noqa: PLC0415 (imports Pillow, in the child only)

        if every_format:
            server.load_every_format()
        gc.freeze()
        gc.enable()  # the function starts without
        server.serve(connection)
        exit_code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(exit_code)


def spawn() -> Child:
    """Start a new interpreter, which threads may do. For the command line."""
    return start_program(*isolated_command("imgctl.sandbox.server"))


def start_program(*command: str) -> Child:
    """Start a program whose last argument is the descriptor of its connection."""
    ours, theirs = socket.socketpair()
    descriptor = theirs.fileno()
    with theirs:
        process = subprocess.Popen(
            [*command, str(descriptor)],
            stdin=subprocess.DEVNULL,
            pass_fds=[descriptor],
            process_group=0,  # which Ctrl-C does not reach: the parent decides what it means
        )
    return Child(process.pid, ours, process.poll)
