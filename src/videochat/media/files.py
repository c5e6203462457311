"""Local files to take in, and the folders that decoding works in."""

from __future__ import annotations

import asyncio
import math
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from videochat.errors import NotFoundError, from_os_error

BLOCK_BYTES = 1024 * 1024


async def size(path: Path) -> int:
    """Return the number of bytes of a regular file. Raises NotFoundError."""
    return await asyncio.to_thread(_size, path)


async def blocks(path: Path) -> AsyncIterator[bytes]:
    """Yield the content of a file. Raises NotFoundError when it cannot be read."""
    try:
        with await asyncio.to_thread(path.open, "rb") as file:
            while block := await asyncio.to_thread(file.read, BLOCK_BYTES):
                yield block
    except OSError as error:
        raise _unreadable(path, error) from None


@asynccontextmanager
async def work_folder(parent: Path) -> AsyncIterator[Path]:
    """Give an empty folder that is removed with all that is in it. Raises StorageError."""
    folder = await asyncio.to_thread(_make_folder, parent)
    try:
        yield folder
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def sweep(parent: Path, before: float) -> int:
    """Remove the folders that nobody has touched since the moment (seconds since the epoch), and return how many."""
    return await asyncio.to_thread(_sweep, parent, before)


def _size(path: Path) -> int:
    try:
        if path.is_file():
            return path.stat().st_size
    except OSError as error:
        raise _unreadable(path, error) from None
    raise NotFoundError(f"There is no file named {path.name}.")


def _unreadable(path: Path, error: OSError) -> NotFoundError:
    return NotFoundError(f"{path.name} cannot be read: {error.strerror}.")


def _make_folder(parent: Path) -> Path:
    try:
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix="cut_", dir=parent))
    except OSError as error:
        raise from_os_error(error, "decoding") from error


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
