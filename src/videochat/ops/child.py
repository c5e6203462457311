"""Child processes that do heavy or dangerous work: JSON lines in, JSON lines out, and gone when the parent goes.

Speech engines and decoders run here: ending a child is how memory comes back, how a cancel takes effect at once and how a
crash in a C library stays harmless.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, TextIO

import structlog

log = structlog.get_logger(__name__)

Message = dict[str, Any]
LINE_LIMIT = 16 * 1024 * 1024  # a ten-minute window with word times is about 1 MB
PR_SET_PDEATHSIG = 1
NICENESS = 10  # people who read go before machines that work


class ChildEndedError(Exception):
    """The child process ended before it had answered."""

    def __init__(self, returncode: int | None) -> None:
        self.returncode = returncode
        super().__init__(f"the child process ended with {returncode}")


class Child:
    """One running child, seen from its parent."""

    def __init__(self, process: asyncio.subprocess.Process, name: str) -> None:
        self._process = process
        self.name = name

    @classmethod
    async def start(cls, module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Child:
        """Start `python -m module`, whose main calls `serve()`."""
        starting = asyncio.ensure_future(
            asyncio.create_subprocess_exec(
                sys.executable, "-m", module, *arguments,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                limit=LINE_LIMIT, env={**os.environ, **(environment or {}), "VIDEOCHAT_PARENT": str(os.getpid())},
            )
        )  # fmt: skip
        try:
            process = await asyncio.shield(starting)
        except asyncio.CancelledError:
            await cls(await starting, module).kill()  # who is cancelled while starting leaves no orphan
            raise
        log.debug("child.started", child=module, pid=process.pid)
        return cls(process, module)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def send(self, message: Message) -> None:
        """Give the child its next task. Raises ChildEndedError."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            raise ChildEndedError(await self._process.wait()) from None

    async def replies(self) -> AsyncIterator[Message]:
        """Yield the replies to one task, the last of which has the key `done`. Raises ChildEndedError."""
        assert self._process.stdout is not None
        while True:
            line = await self._process.stdout.readline()
            if not line:
                raise ChildEndedError(await self._process.wait())
            reply = json.loads(line)
            yield reply
            if "done" in reply:
                return

    async def kill(self) -> None:
        """End the child at once and reap it; harmless when it has ended."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


def serve(handle: Callable[[Message], Iterator[Message]]) -> None:
    """Answer tasks from stdin until it closes: the child's main loop.

    `handle` yields the replies to one task; `{"done": true}` follows by itself. What libraries print to stdout goes to
    stderr, so that it cannot break the protocol.
    """
    _die_with_parent()
    os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    with _protocol_stream() as out:
        for line in sys.stdin:
            for reply in handle(json.loads(line)):
                _write(out, reply)
            _write(out, {"done": True})


def _write(out: TextIO, reply: Message) -> None:
    out.write(json.dumps(reply) + "\n")
    out.flush()


@contextlib.contextmanager
def _protocol_stream() -> Iterator[TextIO]:
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        yield out


def _die_with_parent() -> None:
    """Ask Linux to kill this process when its parent dies; elsewhere the closed stdin ends it between tasks."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(os.environ["VIDEOCHAT_PARENT"]):
            os._exit(1)  # the parent died before we asked
