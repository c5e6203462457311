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

from videochat.errors import BusyError, MediaError, StorageError, StorageFullError, VideoChatError
from videochat.media.media import AudioReport, Cutting, Limits, Probe
from videochat.ops.child import ChildEndedError
from videochat.ops.logging import request_id
from videochat.ops.mould import CastLostError, Mould
from videochat.ops.serving import Message

log = structlog.get_logger(__name__)

CHILD = "videochat.media.decoding_child"
ENVIRONMENT = {
    # Nothing here multiplies matrices. Each of their threads would reserve memory that counts, and a process that has
    # threads cannot fork safely.
    "OPENBLAS_NUM_THREADS": "1",
    # glibc raises this as blocks are freed, and then large ones fragment the heap: the child grew with the recording.
    "MALLOC_MMAP_THRESHOLD_": "131072",
}
CRASHED = "The decoder crashed on this file or needed more than it may use; the file is probably damaged."
LOST = "The decoder was ended from outside or there was no room for it; try again."
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
    """Gives each file a process of its own: what one file does to its decoder, no other file meets.

    A service keeps the process from which these are forked, because starting it takes longer than looking at most files.
    """

    def __init__(self) -> None:
        self._mould: asyncio.Task[Mould] | None = None
        self._keeping = False

    def keep_ready(self) -> None:
        """Have a process that waits for files from now on until `close`."""
        self._keeping = True
        self._prepare()

    @asynccontextmanager
    async def one(self, task: Message) -> AsyncIterator[AsyncIterator[Message]]:
        """Give the replies of a fresh process that does the task; it is gone when the block ends."""
        async with self._lent() as mould, mould.cast(task) as replies:
            log.debug("decoder.given", mould=mould.pid)  # `bench/again.py` counts them
            yield replies

    async def close(self) -> None:
        self._keeping = False
        await self._drop()

    @asynccontextmanager
    async def _lent(self) -> AsyncIterator[Mould]:
        if self._keeping:
            if self._mould is not None and _is_over(self._mould):
                await self._drop()
            yield await asyncio.shield(self._prepare())  # who stops waiting for it does not stop the others
            return
        mould = await _start()
        try:
            yield mould
        finally:
            await mould.kill()

    def _prepare(self) -> asyncio.Task[Mould]:
        if self._mould is None:
            self._mould = asyncio.create_task(_start(), name="decoder-mould")
        return self._mould

    async def _drop(self) -> None:
        mould, self._mould = self._mould, None
        if mould is not None:
            mould.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await (await mould).kill()


async def decode_windows(
    path: Path, work_folder: Path, cutting: Cutting, limits: Limits, decoders: Decoders | None = None, *, first: int = 0
) -> AsyncGenerator[CutWindow | AudioReport]:
    """Decode the file once and yield each window from the first one on as soon as it is cut, and at the end the report.

    Leaving the iteration kills the child at once; use `contextlib.aclosing`. Raises MediaError and StorageError.
    """
    task = {
        "path": str(path), "folder": str(work_folder), "cutting": asdict(cutting), "limits": asdict(limits), "first": first,
    }  # fmt: skip
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


async def _start() -> Mould:
    return await Mould.start(CHILD, environment=ENVIRONMENT)


def _is_over(mould: asyncio.Task[Mould]) -> bool:
    """Say whether it could not be started or has died."""
    return mould.done() and (mould.cancelled() or mould.exception() is not None or not mould.result().alive)


async def _replies(task: Message, decoders: Decoders | None) -> AsyncGenerator[Message]:
    try:
        async with (decoders or Decoders()).one({**task, "request_id": request_id()}) as replies:
            async for reply in replies:
                if "error" in reply:
                    raise _error(**reply["error"])
                yield reply
    except ChildEndedError as error:
        log.warning("decoder.died", status=error.returncode)
        raise MediaError(CRASHED, code="media_crashed") from None
    except (CastLostError, OSError) as error:
        log.warning("decoder.lost", error=str(error))
        raise BusyError(LOST) from None


def _error(code: str, message: str) -> VideoChatError:
    return STORAGE_ERRORS.get(code, MediaError)(message, code=code)
