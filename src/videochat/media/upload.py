"""Receiving a file: hashed on the way, on disk before it counts, gone when it is not finished."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Self

from videochat.errors import MediaError, StorageError, TooLargeError, from_os_error
from videochat.ops.resources import Space
from videochat.store.fingerprint import new_id

BATCH_BYTES = 1024 * 1024  # below this the change of threads costs more than the writing
FILE_NAME = "content"  # never the user's name: it would choose the format for the decoder, or another folder


@dataclass(frozen=True, slots=True)
class Received:
    """A whole file in its own folder; `size` in bytes."""

    path: Path
    sha256: str
    size: int

    async def discard(self) -> None:
        """Remove what is left of the upload; harmless when it has been moved away."""
        await asyncio.to_thread(shutil.rmtree, self.path.parent, ignore_errors=True)


class Receiver:
    """Takes the chunks of one upload, in order.

    Use it as `async with`: leaving the block without `finish()` removes everything. One batch is hashed and written in a
    thread while the next one comes in, so memory stays flat and the event loop free.
    Errors: TooLargeError (before a byte when the size was declared), StorageFullError, StorageError, MediaError `media_empty`.
    """

    def __init__(self, folder: Path, *, max_bytes: int, space: Space, size: int | None = None) -> None:
        self._max_bytes = max_bytes
        self._space = space
        self._check_size(size or 0)
        self._space.check(size or 1)
        self._folder = folder / new_id("upl")
        self._file: FileIO | None = None
        self._hash = hashlib.sha256()
        self._size = 0
        self._batch: list[bytes] = []
        self._batch_bytes = 0
        self._writing: asyncio.Task[None] | None = None
        self._finished = False

    @property
    def size(self) -> int:
        """Bytes taken so far."""
        return self._size

    async def write(self, chunk: bytes) -> None:
        self._size += len(chunk)
        self._check_size(self._size)
        self._batch.append(chunk)
        self._batch_bytes += len(chunk)
        if self._batch_bytes >= BATCH_BYTES:
            await self._start_writing()

    async def finish(self) -> Received:
        """Wait until everything is safe on disk and return it."""
        if self._size == 0:
            raise MediaError("The file is empty.", code="media_empty")
        await self._start_writing()
        await self._written()
        await asyncio.to_thread(self._close)
        self._finished = True
        return Received(self._folder / FILE_NAME, self._hash.hexdigest(), self._size)

    async def abort(self) -> None:
        """Remove everything that was taken; harmless when there is nothing."""
        if self._writing is not None:
            await asyncio.wait({self._writing})
            self._writing.exception()  # it has been raised to whoever wrote, or nobody wants to know any more
        await asyncio.to_thread(self._remove)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._finished:
            await self.abort()

    def _check_size(self, size: int) -> None:
        if size > self._max_bytes:
            raise TooLargeError(
                f"The file is larger than {readable(self._max_bytes)}, the limit in SERVER__MAX_UPLOAD_BYTES."
            )

    async def _start_writing(self) -> None:
        await self._written()
        batch, self._batch, self._batch_bytes = self._batch, [], 0
        self._writing = asyncio.create_task(asyncio.to_thread(self._store, batch))

    async def _written(self) -> None:
        """Wait for the batch in the thread, without tearing it when we are cancelled, and raise what it raised."""
        if self._writing is not None:
            await asyncio.wait({self._writing})
            self._writing.result()

    def _store(self, batch: list[bytes]) -> None:
        try:
            file = self._file or self._open()
            joined = memoryview(b"".join(batch))
            self._space.check(joined.nbytes)
            self._hash.update(joined)
            while joined:
                joined = joined[file.write(joined) :]
        except OSError as error:
            raise from_os_error(error, "receiving a file") from error

    def _open(self) -> FileIO:
        self._folder.mkdir(mode=0o700, parents=True)
        self._file = (self._folder / FILE_NAME).open("xb", buffering=0)
        return self._file

    def _close(self) -> None:
        if self._file is None:
            raise StorageError("The upload was aborted.")
        try:
            os.fsync(self._file.fileno())
            self._file.close()
        except OSError as error:
            raise from_os_error(error, "receiving a file") from error

    def _remove(self) -> None:
        if self._file is not None:
            self._file.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def readable(count: int) -> str:
    """Return a number of bytes as people say it, such as 23.8 MiB."""
    size, unit = float(count), "bytes"
    for larger in ("KiB", "MiB", "GiB"):
        if size >= 1024:
            size, unit = size / 1024, larger
    return f"{round(size, 1):g} {unit}"
