"""Blobs in a bucket when things are large or go wrong: a real HTTP server, a road that is cut, a disk that is full."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from road import Road, answering, road_to
from s3 import KEYS, Bucket
from videochat.app import open_blobs
from videochat.errors import ConfigurationError, NotFoundError, StorageError, StorageFullError, StorageUnavailableError
from videochat.ops.resources import Space
from videochat.store import work
from videochat.store.blob import Blobs
from videochat.store.work import Workplace

KEY = "media/3f/3fa9"
MIB = 1024**2


def blobs_at(url: str, folder: Path, reserve: int = 0) -> Blobs:
    return open_blobs(url, Workplace(folder / "uploads", Space(folder, reserve)))


def write(path: Path, size: int) -> Path:
    """Write a file of this many MiB, each different."""
    with path.open("wb") as file:
        for n in range(size):
            file.write(n.to_bytes(4, "big") * (MIB // 4))
    return path


@pytest.fixture
async def road(bucket: Bucket) -> AsyncIterator[Road]:
    async with road_to(bucket.endpoint) as opened:
        yield opened


@contextmanager
def growth() -> Iterator[list[int]]:
    """Watch this process's memory and say at the end by how many bytes it grew at most."""
    process, result, done = psutil.Process(), [0], threading.Event()
    before = process.memory_info().rss

    def watch() -> None:
        while not done.wait(0.01):
            result[0] = max(result[0], process.memory_info().rss - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    yield result
    done.set()
    watcher.join()


async def test_memory_stays_flat_for_large_files(bucket: Bucket, tmp_path: Path) -> None:
    """200 MiB go there, come back as a local copy and in part as a stream, in a fraction of that memory."""
    blobs, source = blobs_at(bucket.url, tmp_path), await asyncio.to_thread(write, tmp_path / "source", 200)
    with growth() as grown:
        await blobs.put(KEY, source)
        async with blobs.local(KEY) as path:
            assert await asyncio.to_thread(lambda: path.stat().st_size) == 200 * MIB
        pieces = [(len(piece), piece[:4]) async for piece in blobs.read(KEY, 170 * MIB)]
    assert sum(length for length, _ in pieces) == 30 * MIB
    assert (pieces[0][1], pieces[-1][1]) == ((170).to_bytes(4, "big"), (199).to_bytes(4, "big"))
    assert grown[0] < 80 * MIB


async def test_what_was_cut_off_on_its_way_is_not_there(road: Road, bucket: Bucket, tmp_path: Path) -> None:
    """A put that fails half-way can be tried again: the key is unknown, and the file is still where it was."""
    blobs, source = (
        blobs_at(bucket.url_at(road.address), tmp_path),
        await asyncio.to_thread(write, tmp_path / "source", 20),
    )
    road.cut_after(11 * MIB)
    with pytest.raises(StorageUnavailableError) as caught:
        await blobs.put(KEY, source)
    assert caught.value.retryable
    assert bucket.objects() == []
    road.mend()
    assert not await blobs.exists(KEY)
    await blobs.put(KEY, source)
    assert await blobs.size(KEY) == 20 * MIB


async def test_a_store_that_goes_away_while_reading(road: Road, bucket: Bucket, tmp_path: Path) -> None:
    """The reader gets what came and then a clear error, and a local copy that is not whole is never given out."""
    blobs = blobs_at(bucket.url_at(road.address), tmp_path)
    await blobs.put(KEY, await asyncio.to_thread(write, tmp_path / "source", 6))
    road.cut_after(4 * MIB)
    received = 0
    with pytest.raises(StorageUnavailableError):
        async for piece in blobs.read(KEY):
            received += len(piece)
    assert 0 < received < 6 * MIB
    road.mend()
    road.cut_after(2 * MIB)
    with pytest.raises(StorageUnavailableError):
        async with blobs.local(KEY):
            raise AssertionError("not whole")
    assert list((tmp_path / "uploads").iterdir()) == []
    with pytest.raises(StorageUnavailableError):
        await blobs.ping()


async def test_a_short_interruption_is_not_noticed(road: Road, bucket: Bucket, tmp_path: Path) -> None:
    """Requests that fail on the way are made again, whatever was asked for."""
    blobs = blobs_at(bucket.url_at(road.address), tmp_path)
    await blobs.put(KEY, await asyncio.to_thread(write, tmp_path / "source", 3))
    road.cut_after(2 * MIB)
    asyncio.get_running_loop().call_later(0.2, road.mend)
    assert sum([len(piece) async for piece in blobs.read(KEY)]) == 3 * MIB


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        ("403 Forbidden", "InvalidAccessKeyId", "refuses us (403 InvalidAccessKeyId)"),
        ("400 Bad Request", "AuthorizationHeaderMalformed", "refuses the request (400 AuthorizationHeaderMalformed)"),
        ("301 Moved Permanently", "PermanentRedirect", "refuses the request (wrong region or endpoint)"),
        ("503 Slow Down", "SlowDown", "does not answer"),
    ],
)
async def test_what_a_store_says_is_translated(
    bucket: Bucket, tmp_path: Path, status: str, code: str, expected: str
) -> None:
    """People read what to look at; addresses and keys, which are in the store's own words, stay out."""
    body = f"<Error><Code>{code}</Code><AWSAccessKeyId>{KEYS['AWS_ACCESS_KEY_ID']}</AWSAccessKeyId></Error>"
    async with answering(status, body) as endpoint:
        with pytest.raises(StorageError) as caught:
            await blobs_at(bucket.url_at(endpoint), tmp_path).ping()
    assert expected in caught.value.message
    assert caught.value.retryable == (code == "SlowDown")
    assert caught.value.__suppress_context__
    for secret in (endpoint, *KEYS.values()):
        assert secret not in caught.value.message


async def test_health_does_not_wait_for_a_store_that_says_nothing(bucket: Bucket, tmp_path: Path) -> None:
    """A ping of a store that takes the request and is silent ends by itself, soon."""
    started = time.monotonic()
    async with answering("") as endpoint:
        with pytest.raises(StorageUnavailableError):
            await blobs_at(bucket.url_at(endpoint), tmp_path).ping()
    assert time.monotonic() - started < 7


async def test_a_bucket_that_does_not_exist(bucket: Bucket, tmp_path: Path) -> None:
    """Writing says what is wrong; reading finds nothing."""
    blobs = blobs_at(bucket.url.replace(bucket.name, "no-such-bucket"), tmp_path)
    source = await asyncio.to_thread(write, tmp_path / "source", 1)
    for refused in (blobs.ping(), blobs.put(KEY, source), blobs.delete(KEY)):
        with pytest.raises(StorageError, match="bucket of STORAGE__URL does not exist"):
            await refused
    with pytest.raises(NotFoundError):
        await blobs.size(KEY)
    assert source.exists()


async def test_objects_lie_below_the_prefix(bucket: Bucket, tmp_path: Path) -> None:
    """Others may use the same bucket; a ping leaves nothing in it."""
    blobs = blobs_at(bucket.url, tmp_path)
    await blobs.put(KEY, await asyncio.to_thread(write, tmp_path / "source", 9))
    await blobs.ping()
    assert (bucket.objects(), bucket.unfinished()) == ([f"some/prefix/{KEY}"], [])


async def test_several_copies_at_a_time(bucket: Bucket, tmp_path: Path) -> None:
    """Each window that is listened to has a copy of its own under its own name, and all are gone at the end, errors or not."""
    blobs = blobs_at(bucket.url, tmp_path)
    await blobs.put("windows/ab/0.flac", await asyncio.to_thread(write, tmp_path / "source", 1))

    async def look() -> Path:
        async with blobs.local("windows/ab/0.flac") as path:
            await asyncio.sleep(0.1)
            assert await asyncio.to_thread(lambda: path.stat().st_size) == MIB
            raise ValueError(path)

    errors = await asyncio.gather(look(), look(), look(), return_exceptions=True)
    paths = {error.args[0] for error in errors if isinstance(error, ValueError)}
    assert (len(paths), {path.name for path in paths}) == (3, {"0.flac"})
    assert list((tmp_path / "uploads").iterdir()) == []


async def test_a_killed_process_leaves_what_the_sweep_finds(bucket: Bucket, tmp_path: Path) -> None:
    """Its copy lies among the uploads, where leftovers are looked for."""
    blobs = blobs_at(bucket.url, tmp_path)
    await blobs.put(KEY, await asyncio.to_thread(write, tmp_path / "source", 1))
    program = f"""
import asyncio, os, signal, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_s3 import blobs_at
async def main():
    async with blobs_at({bucket.url!r}, Path({str(tmp_path)!r})).local({KEY!r}):
        os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    await asyncio.to_thread(subprocess.run, [sys.executable, "-c", program], check=False, env=environment)
    assert len(list((tmp_path / "uploads").iterdir())) == 1
    assert await work.sweep(tmp_path / "uploads", time.time() + 1) == 1
    assert list((tmp_path / "uploads").iterdir()) == []


async def test_a_copy_leaves_the_reserve_of_the_disk_alone(bucket: Bucket, tmp_path: Path) -> None:
    """A copy that the databases' last space would have to hold is not begun."""
    await blobs_at(bucket.url, tmp_path).put(KEY, await asyncio.to_thread(write, tmp_path / "source", 1))
    with pytest.raises(StorageFullError):
        async with blobs_at(bucket.url, tmp_path, reserve=10**18).local(KEY):
            pass
    assert not (tmp_path / "uploads").exists()


async def test_a_disk_that_is_full_after_all(bucket: Bucket, tmp_path: Path, small_disk: Path) -> None:
    """When the space goes while the copy is written, nothing of it stays."""
    await blobs_at(bucket.url, tmp_path).put(KEY, await asyncio.to_thread(write, tmp_path / "source", 1))
    with pytest.raises(StorageFullError):
        async with open_blobs(bucket.url, Workplace(small_disk, Space(tmp_path, 0))).local(KEY):
            pass
    assert await asyncio.to_thread(lambda: list(small_disk.iterdir())) == []


async def test_a_missing_source_is_no_missing_bucket(bucket: Bucket, tmp_path: Path) -> None:
    """A file that is not there is a mistake on this side."""
    with pytest.raises(StorageError, match="storing a file"):
        await blobs_at(bucket.url, tmp_path).put(KEY, tmp_path / "missing")
    assert bucket.objects() == []


def test_without_keys_it_does_not_start(bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits for a cloud that is not there: opening the store says what to set."""
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(ConfigurationError, match="AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
        blobs_at(bucket.url, tmp_path)


def test_a_variable_that_is_not_understood(bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store's library reads variables of its own; nonsense in one is a clear error too."""
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "perhaps")
    with pytest.raises(ConfigurationError, match="AWS_"):
        blobs_at(bucket.url, tmp_path)


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    """Who asks for a bucket without the package that reaches it learns its name."""
    program = (
        "import sys; sys.modules['obstore'] = None\n"
        "from videochat.app import open_blobs\n"
        "try: open_blobs('s3://talks', None)\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert ended.stdout.strip() == "ConfigurationError STORAGE__URL: for an s3 store install videochat[s3]."
