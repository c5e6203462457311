"""Child processes that do heavy or dangerous work: JSON lines in, JSON lines out, and gone when the parent goes.

Speech engines and decoders run here: ending a child is how memory comes back, how a cancel takes effect at once and how a
crash in a C library stays harmless.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping
from typing import Any

import structlog

from videochat.ops.redaction import SECRET_NAMES
from videochat.ops.serving import PARENT, Message, be_nice

log = structlog.get_logger(__name__)

LINE_LIMIT = 16 * 1024 * 1024  # a ten-minute window with word times is about 1 MB


class ChildEndedError(Exception):
    """The child process ended before it had answered."""

    def __init__(self, returncode: int | None) -> None:
        self.returncode = returncode
        super().__init__(f"the child process ended with {returncode}")


def harmless(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without our settings and without what sounds like keys: for children that read hostile files."""
    return {name: value for name, value in environment.items() if "__" not in name and not SECRET_NAMES.search(name)}


class Child:
    """One running child, seen from its parent."""

    def __init__(self, process: Process, name: str) -> None:
        self._process = process
        self.name = name

    @classmethod
    async def start(
        cls, module: str, *arguments: str, environment: Mapping[str, str] | None = None, trusted: bool = False
    ) -> Child:
        """Start `python -m module`, whose main calls `serve()`. Only a trusted child inherits keys and settings."""
        inherited = os.environ if trusted else harmless(os.environ)
        process = await started(
            module, *arguments, environment={**inherited, **(environment or {})},
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LINE_LIMIT,
        )  # fmt: skip
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
        await killed(self._process)


async def started(module: str, *arguments: str, environment: Mapping[str, str], **streams: Any) -> Process:
    """Start `python -m module` with this environment; it can ask to die with us and is nice from its first import on."""
    environment = {**environment, PARENT: str(os.getpid())}
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(sys.executable, "-m", module, *arguments, env=environment, **streams)
    )
    try:
        process = await asyncio.shield(starting)
    except asyncio.CancelledError:
        await killed(await starting)  # who is cancelled while starting leaves no orphan
        raise
    be_nice(process.pid)  # what is started in advance must not hold up what works
    log.debug("child.started", child=module, pid=process.pid)
    return process


async def killed(process: Process) -> None:
    """End the process at once and reap it; harmless when it has ended."""
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()
