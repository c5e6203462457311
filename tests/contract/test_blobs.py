"""What every blob store keeps to: the one in memory, the one on disk, the one in a bucket."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from contract.blobs_fake import MemoryBlobs
from videochat.app import open_blobs
from videochat.errors import NotFoundError, StorageError
from videochat.ops.resources import Space
from videochat.store.blob import Blobs
from videochat.store.work import Workplace

KEY = "media/3f/3fa9"
CONTENT = bytes(range(256)) * 5000


@pytest.fixture(params=["memory", "file", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    if request.param == "memory":
        return MemoryBlobs()
    url = f"file://{tmp_path / 'blobs'}" if request.param == "file" else request.getfixturevalue("bucket").url
    return open_blobs(url, Workplace(tmp_path / "work", Space(tmp_path, reserve=0)))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(CONTENT)
    return path


async def read(blobs: Blobs, key: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([block async for block in blobs.read(key, start, end)])


async def test_what_is_put_is_read(blobs: Blobs, source: Path) -> None:
    """Content and size come back, and the source is gone."""
    await blobs.put(KEY, source)
    assert await read(blobs, KEY) == CONTENT
    assert await blobs.size(KEY) == len(CONTENT)
    assert await blobs.exists(KEY)
    assert not await asyncio.to_thread(source.exists)


@pytest.mark.parametrize(
    ("start", "end"),
    [(0, 0), (0, 1), (10, 20), (700_000, None), (1_279_999, 1_280_000), (1_279_999, 9_999_999), (1_280_000, None)],
)
async def test_ranges(blobs: Blobs, source: Path, start: int, end: int | None) -> None:
    """A range is read from start up to, not including, end, and ends with the blob."""
    await blobs.put(KEY, source)
    assert await read(blobs, KEY, start, end) == CONTENT[start:end]


async def test_a_local_path_can_be_read(blobs: Blobs, source: Path) -> None:
    """Decoders get a path for as long as they need it."""
    await blobs.put(KEY, source)
    async with blobs.local(KEY) as path:
        assert await asyncio.to_thread(path.read_bytes) == CONTENT
    assert await blobs.exists(KEY)


async def test_an_unknown_key_is_not_found(blobs: Blobs) -> None:
    """Every way of reading says so with the same error."""
    with pytest.raises(NotFoundError):
        await blobs.size(KEY)
    with pytest.raises(NotFoundError):
        await read(blobs, KEY)
    with pytest.raises(NotFoundError):
        async with blobs.local(KEY):
            pass
    assert not await blobs.exists(KEY)


async def test_putting_a_known_key_again_is_harmless(blobs: Blobs, source: Path, tmp_path: Path) -> None:
    """A step that is repeated stores the same again, and its source is gone too."""
    await blobs.put(KEY, source)
    again = tmp_path / "again"
    again.write_bytes(CONTENT)
    await blobs.put(KEY, again)
    assert await read(blobs, KEY) == CONTENT
    assert not again.exists()


async def test_deleting(blobs: Blobs, source: Path) -> None:
    """What is deleted is gone; deleting it again is harmless; the key can be used again."""
    await blobs.put(KEY, source)
    await blobs.delete(KEY)
    await blobs.delete(KEY)
    assert not await blobs.exists(KEY)
    await asyncio.to_thread(source.write_bytes, b"new")
    await blobs.put(KEY, source)
    assert await read(blobs, KEY) == b"new"


async def test_keys_are_apart(blobs: Blobs, source: Path, tmp_path: Path) -> None:
    """Deleting one key of a folder leaves the others."""
    other = tmp_path / "other"
    other.write_bytes(b"other")
    await blobs.put("windows/ab/0.flac", source)
    await blobs.put("windows/ab/1.flac", other)
    await blobs.delete("windows/ab/0.flac")
    assert await read(blobs, "windows/ab/1.flac") == b"other"


async def test_ping(blobs: Blobs) -> None:
    """A store that can be written says nothing, and keeps nothing of the attempt."""
    await blobs.ping()


@pytest.mark.parametrize(
    "key", ["../x", "a/../b", "/etc/passwd", "", "a//b", "a/.b", "A b", "a/", "a\n", "a\0b", ".temporary/x", ".ping"]
)
async def test_a_key_cannot_lead_out_of_the_store(blobs: Blobs, source: Path, key: str) -> None:
    """Keys are ours; one that is not is refused by every method, and a source is left where it is."""
    for refused in (blobs.exists(key), blobs.size(key), blobs.delete(key), blobs.put(key, source), read(blobs, key)):
        with pytest.raises(StorageError):
            await refused
    with pytest.raises(StorageError):
        async with blobs.local(key):
            pass
    assert await asyncio.to_thread(source.exists)
