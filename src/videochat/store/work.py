"""Folders to work in, on this machine's own disk: removed at the end, and swept when a process was killed before."""

from __future__ import annotations

import asyncio
import fcntl
import math
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from videochat.errors import from_os_error
from videochat.ops.resources import Space

PREFIX = "work_"
YOUNG_SECONDS = 60.0  # by then whoever made a folder holds it


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where large temporary files may lie: a folder that is swept, on a disk with `space`."""

    parent: Path
    space: Space

    @asynccontextmanager
    async def folder(self, size: int, doing: str) -> AsyncIterator[Path]:
        """Give a work folder for so many bytes. Raises StorageFullError, StorageError."""
        self.space.check(size)
        async with work_folder(self.parent, doing) as folder:
            yield folder


@asynccontextmanager
async def work_folder(parent: Path, doing: str) -> AsyncIterator[Path]:
    """Give an empty folder that is removed with all that is in it. Raises StorageError, which says what for."""
    folder = await asyncio.to_thread(_make_folder, parent, doing)
    lock = _lock(folder)
    try:
        yield folder
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


async def sweep(parent: Path, before: float) -> int:
    """Remove the folders that nobody has touched since the moment (seconds since the epoch), and return how many.

    Work folders whose process has died are removed too, as soon as a minute has passed.
    """
    return await asyncio.to_thread(_sweep, parent, before)


def _make_folder(parent: Path, doing: str) -> Path:
    try:
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    except OSError as error:
        raise from_os_error(error, doing) from error


def _lock(folder: Path) -> int | None:
    """Hold the folder for as long as this process lives, None where somebody else holds it or folders cannot be held."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _is_orphaned(folder: Path) -> bool:
    """Say whether nobody works in the folder any more: the kernel lets go of what a dead process held."""
    if not folder.name.startswith(PREFIX) or _touched(folder) > time.time() - YOUNG_SECONDS:
        return False
    try:
        lock = _lock(folder)
    except OSError:  # it has just been removed by whom it belonged to
        return False
    if lock is not None:
        os.close(lock)
    return lock is not None


def _sweep(parent: Path, before: float) -> int:
    old = [folder for folder in parent.glob("*") if _touched(folder) < before or _is_orphaned(folder)]
    for folder in old:
        shutil.rmtree(folder, ignore_errors=True)
    return len(old)


def _touched(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:  # it has just been removed by whom it belonged to
        return math.inf
