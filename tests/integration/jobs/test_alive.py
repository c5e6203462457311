"""The file by which others see whether a worker hangs."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from videochat.app import open_app
from videochat.errors import ConfigurationError
from videochat.jobs import worker as module
from videochat.settings import Settings
from waiting import until

BEAT = 0.02
MANY_BEATS = 50 * BEAT


def settings(folder: Path, file: Path) -> Settings:
    return Settings(data_dir=folder / "data", jobs={"heartbeat_seconds": BEAT, "alive_file": file})


async def work(folder: Path, file: Path, stop: asyncio.Event) -> None:
    async with open_app(settings(folder, file)) as app:
        worker = app.worker()
        await worker.start()
        await stop.wait()
        await worker.stop()


@contextmanager
def working(folder: Path, file: Path) -> Iterator[asyncio.AbstractEventLoop]:
    """Let a worker work in an event loop of its own, which can then be held up."""
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(work(folder, file, stop)))
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


async def touched(file: Path, seconds: float = 20) -> None:
    """Make the file old and wait until it is new. Raises TimeoutError."""
    os.utime(file, (0, 0))
    await until(lambda: file.stat().st_mtime > 0, seconds)


async def test_a_worker_that_hangs_leaves_its_file_alone(tmp_path: Path) -> None:
    """The file is touched again and again while the event loop goes round, not while it is held up, and again afterwards."""
    file, held, free = tmp_path / "alive", threading.Event(), threading.Event()
    with working(tmp_path, file) as loop:
        try:
            await until(file.exists)
            await touched(file)
            await touched(file)
            loop.call_soon_threadsafe(lambda: (held.set(), free.wait()))
            await until(held.is_set)
            with pytest.raises(TimeoutError):
                await touched(file, MANY_BEATS)
        finally:
            free.set()
        await touched(file)


async def test_a_database_that_hangs_is_no_reason_to_start_a_worker_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a heartbeat waits for the database for ever the file is touched all the same."""
    file, waiting, forever = tmp_path / "alive", asyncio.Event(), asyncio.Event()

    async def beats_no_more(_worker: module.Worker) -> None:
        waiting.set()
        await forever.wait()

    async with open_app(settings(tmp_path, file)) as app:
        worker = app.worker()
        await worker.start()
        monkeypatch.setattr(module.Worker, "_beat", beats_no_more)
        await waiting.wait()
        await touched(file)
        await touched(file)
        await worker.stop()


async def test_a_file_that_cannot_be_touched_is_said_at_the_start(tmp_path: Path) -> None:
    """Otherwise a probe would end the worker again and again, and nobody would know why."""
    async with open_app(settings(tmp_path, tmp_path / "missing" / "alive")) as app:
        with pytest.raises(ConfigurationError, match="JOBS__ALIVE_FILE"):
            await app.worker().start()
