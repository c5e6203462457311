"""Probing and decoding in a child process: a file that crashes, stalls or bloats the decoder takes only the child along."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from videochat.errors import MediaError, StorageError, StorageFullError, VideoChatError
from videochat.media.media import AudioReport, Cutting, Limits, Probe
from videochat.ops.child import Child, ChildEndedError, Message

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


async def decode_windows(
    path: Path, work_folder: Path, cutting: Cutting, limits: Limits
) -> AsyncGenerator[CutWindow | AudioReport]:
    """Decode the file once and yield each window as soon as it is cut, and at the end the report.

    Leaving the iteration kills the child at once; use `contextlib.aclosing`. Raises MediaError and StorageError.
    """
    task = {"path": str(path), "folder": str(work_folder), "cutting": asdict(cutting), "limits": asdict(limits)}
    async with aclosing(_replies({"decode": task})) as replies:
        async for reply in replies:
            if "window" in reply:
                yield _window(reply["window"], work_folder)
            elif "report" in reply:
                yield report_of(reply["report"])


async def probe_file(path: Path, limits: Limits) -> Probe:
    """Read what the file says about itself, within `limits.probe_seconds`. Raises MediaError."""
    task = {"path": str(path), "limits": asdict(limits)}
    try:
        async with asyncio.timeout(limits.probe_seconds), aclosing(_replies({"probe": task})) as replies:
            reply = await anext(replies)
    except TimeoutError:
        raise MediaError("Reading the file takes too long; it is probably damaged.", code="media_too_slow") from None
    return Probe(**reply["probe"])


def report_of(stored: dict[str, Any]) -> AudioReport:
    """Read a report from JSON."""
    return AudioReport(**{**stored, "peaks": tuple(stored["peaks"])})


def _window(reply: Message, work_folder: Path) -> CutWindow:
    return CutWindow(reply["n"], reply["start"], reply["end"], reply["speech"], work_folder / reply["file"])


async def _replies(task: Message) -> AsyncGenerator[Message]:
    child = await Child.start(CHILD, environment=ENVIRONMENT)
    try:
        await child.send(task)
        async for reply in child.replies():
            if "error" in reply:
                raise _error(**reply["error"])
            yield reply
    except ChildEndedError:
        raise MediaError(CRASHED, code="media_crashed") from None
    finally:
        await child.kill()


def _error(code: str, message: str) -> VideoChatError:
    return STORAGE_ERRORS.get(code, MediaError)(message, code=code)
