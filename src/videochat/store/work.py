"""Folders to work in, on this machine's own disk: removed at the end, and swept when a process was killed before."""

from __future__ import annotations

import asyncio
import math
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from videochat.errors import from_os_error
from videochat.ops.resources import Space


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
    try:
        yield folder
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def sweep(parent: Path, before: float) -> int:
    """Remove the folders that nobody has touched since the moment (seconds since the epoch), and return how many."""
    return await asyncio.to_thread(_sweep, parent, before)


def _make_folder(parent: Path, doing: str) -> Path:
    try:
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix="work_", dir=parent))
    except OSError as error:
        raise from_os_error(error, doing) from error


def _sweep(parent: Path, before: float) -> int:
    old = [folder for folder in parent.glob("*") if _touched(folder) < before]
    for folder in old:
        shutil.rmtree(folder, ignore_errors=True)
    return len(old)


def _touched(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:  # it has just been removed by whom it belonged to
        return math.inf
