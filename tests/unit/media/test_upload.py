"""Receiving files."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from pathlib import Path

import pytest

from videochat.errors import MediaError, StorageError, StorageFullError, TooLargeError
from videochat.media.upload import BATCH_BYTES, Receiver
from videochat.ops.resources import Space


def entries(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_what_comes_in_is_what_is_kept(tmp_path: Path) -> None:
    """Bytes, size and hash are those of the chunks in order, across several batches."""
    chunks = [bytes([n]) * 300_000 for n in range(20)]
    async with Receiver(tmp_path, space=Space(tmp_path, 0), max_bytes=10**7) as receiver:
        for chunk in chunks:
            await receiver.write(chunk)
        received = await receiver.finish()
    whole = b"".join(chunks)
    assert received.path.read_bytes() == whole
    assert (received.size, received.sha256) == (len(whole), hashlib.sha256(whole).hexdigest())
    await received.discard()
    assert entries(tmp_path) == []


def test_a_declared_size_that_is_too_large_is_refused_before_a_byte(tmp_path: Path) -> None:
    """Nothing is even created."""
    with pytest.raises(TooLargeError):
        Receiver(tmp_path, space=Space(tmp_path, 0), max_bytes=10, size=11)
    assert entries(tmp_path) == []


async def test_more_than_allowed_is_refused_on_the_way(tmp_path: Path) -> None:
    """A sender that lies about the size, or does not say it, is stopped, and nothing stays."""
    with pytest.raises(TooLargeError):
        async with Receiver(tmp_path, space=Space(tmp_path, 0), max_bytes=3 * BATCH_BYTES) as receiver:
            for _ in range(4):
                await receiver.write(b"x" * BATCH_BYTES)
    assert entries(tmp_path) == []


async def test_an_empty_file_is_no_media(tmp_path: Path) -> None:
    """0 bytes are refused with their own code."""
    with pytest.raises(MediaError) as caught:
        async with Receiver(tmp_path, space=Space(tmp_path, 0), max_bytes=10) as receiver:
            await receiver.finish()
    assert caught.value.reason == "media_empty"
    assert entries(tmp_path) == []


async def test_leaving_early_removes_everything(tmp_path: Path) -> None:
    """A client that goes away leaves nothing behind."""
    async with Receiver(tmp_path, space=Space(tmp_path, 0), max_bytes=10**8) as receiver:
        await receiver.write(b"x" * BATCH_BYTES)
    assert entries(tmp_path) == []


async def test_a_cancelled_upload_removes_everything(tmp_path: Path) -> None:
    """Cancelling in the middle of a write leaves neither files nor a thread that makes them later."""

    async def upload() -> None:
        async with Receiver(tmp_path, space=Space(tmp_path, 0), max_bytes=10**9) as receiver:
            while True:
                await receiver.write(b"x" * BATCH_BYTES)

    task = asyncio.create_task(upload())
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.05)
    assert entries(tmp_path) == []


async def test_an_unwritable_folder_is_a_clear_error(tmp_path: Path) -> None:
    """The message says what to do and names no path."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StorageError) as caught:
        async with Receiver(blocked, space=Space(blocked, 0), max_bytes=10) as receiver:
            await receiver.write(b"x")
            await receiver.finish()
    assert str(tmp_path) not in caught.value.message


async def test_the_reserve_of_the_disk_is_left_alone(tmp_path: Path) -> None:
    """What would eat into it is refused: by its declared size before a byte, else on the way, and nothing stays."""
    free = shutil.disk_usage(tmp_path).free
    with pytest.raises(StorageFullError):
        Receiver(tmp_path, space=Space(tmp_path, 0), max_bytes=10**15, size=free * 2)
    with pytest.raises(StorageFullError):
        async with Receiver(tmp_path, space=Space(tmp_path, free * 2), max_bytes=10**9) as receiver:
            await receiver.write(b"x")
    assert entries(tmp_path) == []
