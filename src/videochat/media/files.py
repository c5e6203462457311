"""Local files to take in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from videochat.errors import NotFoundError

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


def _size(path: Path) -> int:
    try:
        if path.is_file():
            return path.stat().st_size
    except OSError as error:
        raise _unreadable(path, error) from None
    raise NotFoundError(f"There is no file named {path.name}.")


def _unreadable(path: Path, error: OSError) -> NotFoundError:
    return NotFoundError(f"{path.name} cannot be read: {error.strerror}.")
