"""Probing and decoding in a child process: a file that crashes, stalls or bloats the decoder takes only the child along."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import structlog

from videochat.errors import MediaError, StorageError, StorageFullError, VideoChatError
from videochat.media.media import AudioReport, Cutting, Limits, Probe
from videochat.ops.child import Child, ChildEndedError
from videochat.ops.logging import request_id
from videochat.ops.serving import Message

log = structlog.get_logger(__name__)

CHILD = "videochat.media.decoding_child"
ENVIRONMENT = {
    # Nothing here multiplies matrices, and each of their threads would reserve memory that counts.
    "OPENBLAS_NUM_THREADS": "1",
    # glibc raises this as blocks are freed, and then large ones fragment the heap: the child grew with the recording.
    "MALLOC_MMAP_THRESHOLD_": "131072",
}
CRASHED = "The decoder crashed on this file or needed more than it may use; the file is probably damaged."
STORAGE_ERRORS: dict[str, type[VideoChatError]] = {"storage": StorageError, "storage_full": StorageFullError}


@dataclass(frozen=True, slots=True)
class CutWindow:
    """A window as a FLAC file (16 kHz mono) in the work folder; `start`, `end` and `speech` in seconds."""

    n: int
    start: float
    end: float
    speech: float
    path: Path


class Decoders:
    """Starts a process for each file: what one file does to its decoder, no other file meets.

    A service keeps one that is started and waits, because starting takes longer than looking at most files.
    """

    def __init__(self) -> None:
        self._spare: asyncio.Task[Child] | None = None
        self._keeping = False

    def keep_one_ready(self) -> None:
        """Have a process wait for its file from now on until `close`."""
        self._keeping = True
        self._prepare()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[Child]:
        """Give a fresh process; it is killed when the block ends."""
        child = await self._take()
        try:
            yield child
        finally:
            await child.kill()
            self._prepare()  # not before: its start would take time from this file

    async def close(self) -> None:
        self._keeping = False
        if (spare := self._spare) is not None:
            self._spare = None
            spare.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await (await spare).kill()

    async def _take(self) -> Child:
        spare, self._spare = self._spare, None
        child: Child | None = None
        if spare is not None:
            with contextlib.suppress(OSError):  # there was no room for it then; maybe there is now
                child = await spare
        if child is None or not child.alive:
            child = await _start()
        log.debug("decoder.given", pid=child.pid)
        return child

    def _prepare(self) -> None:
        if self._keeping and self._spare is None:
            self._spare = asyncio.create_task(_start(), name="spare-decoder")


async def decode_windows(
    path: Path, work_folder: Path, cutting: Cutting, limits: Limits, decoders: Decoders | None = None
) -> AsyncGenerator[CutWindow | AudioReport]:
    """Decode the file once and yield each window as soon as it is cut, and at the end the report.

    Leaving the iteration kills the child at once; use `contextlib.aclosing`. Raises MediaError and StorageError.
    """
    task = {"path": str(path), "folder": str(work_folder), "cutting": asdict(cutting), "limits": asdict(limits)}
    async with aclosing(_replies({"decode": task}, decoders)) as replies:
        async for reply in replies:
            if "window" in reply:
                yield _window(reply["window"], work_folder)
            elif "report" in reply:
                yield report_of(reply["report"])


async def probe_file(path: Path, limits: Limits, decoders: Decoders | None = None) -> Probe:
    """Read what the file says about itself, within `limits.probe_seconds`. Raises MediaError."""
    task = {"path": str(path), "limits": asdict(limits)}
    try:
        async with asyncio.timeout(limits.probe_seconds), aclosing(_replies({"probe": task}, decoders)) as replies:
            reply = await anext(replies)
    except TimeoutError:
        raise MediaError("Reading the file takes too long; it is probably damaged.", code="media_too_slow") from None
    return Probe(**reply["probe"])


def report_of(stored: dict[str, Any]) -> AudioReport:
    """Read a report from JSON."""
    return AudioReport(**{**stored, "peaks": tuple(stored["peaks"])})


def _window(reply: Message, work_folder: Path) -> CutWindow:
    return CutWindow(reply["n"], reply["start"], reply["end"], reply["speech"], work_folder / reply["file"])


async def _start() -> Child:
    return await Child.start(CHILD, environment=ENVIRONMENT)


async def _replies(task: Message, decoders: Decoders | None) -> AsyncGenerator[Message]:
    async with (decoders or Decoders()).one() as child:
        try:
            await child.send({**task, "request_id": request_id()})
            async for reply in child.replies():
                if "error" in reply:
                    raise _error(**reply["error"])
                yield reply
        except ChildEndedError as error:
            log.warning("decoder.died", status=error.returncode)
            raise MediaError(CRASHED, code="media_crashed") from None


def _error(code: str, message: str) -> VideoChatError:
    return STORAGE_ERRORS.get(code, MediaError)(message, code=code)
