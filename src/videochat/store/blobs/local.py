"""Blobs as files in a local folder."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from videochat.errors import ConfigurationError, NotFoundError, from_os_error
from videochat.store.blob import check_key
from videochat.store.fingerprint import new_id
from videochat.store.work import Workplace

READ_BYTES = 512 * 1024
TEMPORARY = ".temporary"  # cannot be a key


class LocalBlobs:
    """Keeps each blob as the file of its key's name; see the port `videochat.store.blob.Blobs`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def from_url(cls, url: str, _workplace: Workplace | None = None) -> LocalBlobs:
        """Make the store of `file:///folder`, which is worked on in place. Raises ConfigurationError."""
        parts = urlsplit(url)
        if parts.scheme != "file" or parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
            raise ConfigurationError("STORAGE__URL: write file:///folder with three slashes and an absolute path.")
        return cls(Path(unquote(parts.path)))

    async def put(self, key: str, source: Path) -> None:
        await asyncio.to_thread(self._put, self._path(key), source)

    async def size(self, key: str) -> int:
        path = self._path(key)
        with _clear_errors("reading"), _known(key):
            return (await asyncio.to_thread(path.stat)).st_size

    async def exists(self, key: str) -> bool:
        return await asyncio.to_thread(self._path(key).is_file)

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        path = self._path(key)
        with _clear_errors("reading"), _known(key):
            file = await asyncio.to_thread(path.open, "rb")
        try:
            async for block in _blocks(file, start, end):
                yield block
        finally:
            file.close()  # only gives the descriptor back: nothing was written

    @asynccontextmanager
    async def local(self, key: str) -> AsyncIterator[Path]:
        if not await self.exists(key):
            raise _unknown(key)
        yield self._path(key)

    async def delete(self, key: str) -> None:
        path = self._path(key)
        with _clear_errors("deleting"):
            await asyncio.to_thread(path.unlink, missing_ok=True)
            await asyncio.to_thread(self._prune, path.parent)

    async def ping(self) -> None:
        await asyncio.to_thread(self._ping)

    def _path(self, key: str) -> Path:
        return self._folder / check_key(key)

    def _put(self, path: Path, source: Path) -> None:
        with _clear_errors("storing a file"):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sync(source)
            try:
                _replace(source, path)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                self._copy(source, path)
            _sync(path.parent)  # makes the new name durable too

    def _copy(self, source: Path, path: Path) -> None:
        with self._temporary() as temporary:
            shutil.copyfile(source, temporary)
            _sync(temporary)
            _replace(temporary, path)
        source.unlink()

    @contextmanager
    def _temporary(self) -> Iterator[Path]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = self._folder / TEMPORARY
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / new_id("blob")
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _ping(self) -> None:
        with _clear_errors("checking the blob store"), self._temporary() as temporary:
            temporary.write_bytes(b"ping")

    def _prune(self, folder: Path) -> None:
        """Remove the folders that the last blob left empty; someone who puts at this moment makes them again."""
        while folder not in {self._folder, self._folder.parent}:
            try:
                folder.rmdir()
            except OSError:
                return
            folder = folder.parent


async def _blocks(file: BinaryIO, start: int, end: int | None) -> AsyncIterator[bytes]:
    with _clear_errors("reading"):
        position = await asyncio.to_thread(file.seek, start)
        while end is None or position < end:
            wanted = READ_BYTES if end is None else min(READ_BYTES, end - position)
            block = await asyncio.to_thread(file.read, wanted)
            if not block:
                return
            position += len(block)
            yield block


def _replace(source: Path, path: Path) -> None:
    """Give the file its name, in one step, also when a delete removes the empty folder at this moment."""
    for attempt in range(5):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            source.replace(path)
        except FileNotFoundError:
            if attempt == 4 or not source.exists():
                raise
        else:
            return


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unknown(key: str) -> NotFoundError:
    return NotFoundError(f"There is no blob {key}.")


@contextmanager
def _known(key: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise _unknown(key) from None


@contextmanager
def _clear_errors(doing: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise from_os_error(error, doing) from error
