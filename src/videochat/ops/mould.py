"""A process that imports once and forks for each task: what a task does to its process, no other task meets.

For dangerous work that is shorter than the start of a process. See `videochat.ops.child` for heavy work.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager

import structlog

from videochat.ops.child import LINE_LIMIT, ChildEndedError, harmless, killed, started
from videochat.ops.serving import Message

log = structlog.get_logger(__name__)

END_SECONDS = 5.0  # a process that was killed is gone within milliseconds, unless something stands still
BLOCK = 64 * 1024


class CastLostError(Exception):
    """The task was given up for a reason that is not its own: no room for a fork, or the mould is gone."""


class Mould:
    """One such process, seen from its parent; it can have any number of forks at a time."""

    def __init__(self, process: Process, asking: socket.socket) -> None:
        self._process = process
        self._asking = asking

    @classmethod
    async def start(cls, module: str, *, environment: Mapping[str, str] | None = None) -> Mould:
        """Start `python -m module`, whose main calls `serve_casts()`; it inherits neither keys nor settings."""
        asking, asked = socket.socketpair()
        with contextlib.ExitStack() as stack, asked:
            stack.callback(asking.close)
            asking.setblocking(False)
            process = await started(
                module, environment={**harmless(os.environ), **(environment or {})}, stdin=asked
            )  # fmt: skip
            stack.pop_all()
        return cls(process, asking)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still listens: its socket tells that it has ended before the event loop has heard of it."""
        try:
            return self._process.returncode is None and self._asking.recv(1, socket.MSG_PEEK) != b""
        except BlockingIOError:  # it has nothing to say on this socket, ever
            return True
        except OSError:
            return False

    @asynccontextmanager
    async def cast(self, task: Message) -> AsyncIterator[AsyncGenerator[Message]]:
        """Have a fork do the task and give its replies; when the block ends the fork is gone, whether it was done or not.

        While they are read: ChildEndedError when the fork ended before it was done, CastLostError.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            reader, writer = await asyncio.open_unix_connection(sock=ours, limit=LINE_LIMIT)
            writer.write(json.dumps(task).encode() + b"\n")
            with contextlib.suppress(OSError):  # the mould is gone or stands still: nobody will answer on the channel
                socket.send_fds(self._asking, [b"+"], [theirs.fileno()])
        try:
            async with aclosing(_replies(reader)) as replies:
                yield replies
        finally:
            await self._hang_up(reader, writer)

    async def kill(self) -> None:
        """End the process and, where the system does that, its forks at once."""
        self._asking.close()
        await killed(self._process)

    async def _hang_up(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Have the mould kill the fork, and wait until both have let go of the channel."""
        try:
            with contextlib.suppress(OSError):
                writer.write_eof()
            async with asyncio.timeout(END_SECONDS):
                await _closed(reader)
        except TimeoutError:
            log.warning("mould.stuck", pid=self.pid)
            await self.kill()
        finally:
            writer.close()


async def _closed(reader: StreamReader) -> None:
    with contextlib.suppress(ConnectionError):
        while await reader.read(BLOCK):
            pass


async def _replies(reader: StreamReader) -> AsyncGenerator[Message]:
    while True:
        reply = await _reply(reader)
        if "done" in reply:
            return
        if "ended" in reply:
            raise ChildEndedError(reply["ended"])
        yield reply


async def _reply(reader: StreamReader) -> Message:
    """Return the next line. What cannot be understood comes from a process that is out of its mind."""
    line = b"\n"
    while line == b"\n":
        try:
            line = await reader.readline()
        except ConnectionError:
            line = b""
        except ValueError:
            raise ChildEndedError(None) from None
    if not line:
        raise CastLostError
    try:
        reply = json.loads(line)
    except ValueError:
        raise ChildEndedError(None) from None
    if not isinstance(reply, dict):
        raise ChildEndedError(None)
    return reply
