"""Blobs in memory, for tests that need a store and no disk."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from videochat.errors import NotFoundError
from videochat.store.blob import check_key


class MemoryBlobs:
    """Keeps each blob as bytes; passes the same contract as the real ones."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}

    async def put(self, key: str, source: Path) -> None:
        self.content[check_key(key)] = await asyncio.to_thread(source.read_bytes)
        await asyncio.to_thread(source.unlink)

    async def size(self, key: str) -> int:
        return len(self._known(key))

    async def exists(self, key: str) -> bool:
        return check_key(key) in self.content

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        content = self._known(key)[start:end]
        if content:
            yield content

    @asynccontextmanager
    async def local(self, key: str) -> AsyncIterator[Path]:
        with tempfile.NamedTemporaryFile() as file:
            file.write(self._known(key))
            file.flush()
            yield Path(file.name)

    async def delete(self, key: str) -> None:
        self.content.pop(check_key(key), None)

    async def ping(self) -> None:
        """Memory is always there."""

    def _known(self, key: str) -> bytes:
        if check_key(key) not in self.content:
            raise NotFoundError
        return self.content[key]
