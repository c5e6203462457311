"""The loops in the background of real processes, when something fails that nobody has thought of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from videochat.access import repository
from videochat.access.tokens import new_token
from videochat.app import App, open_app
from videochat.errors import DatabaseUnavailableError
from videochat.jobs import steps
from videochat.jobs.worker import Worker
from videochat.settings import Settings
from videochat.store import feed
from videochat.store.cache import cache
from waiting import until


@dataclass
class Process:
    """The parts that run in the background of a worker process."""

    app: App
    worker: Worker


@dataclass
class FailsOnce:
    """Fails at its first call, with an error that is none of ours."""

    real: Callable[..., Any]
    calls: int = 0

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self.calls += 1
        if self.calls == 1:
            raise OSError(5, "Input/output error")
        return self.real(*arguments, **named)


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[Process]:
    async with open_app(
        Settings(data_dir=tmp_path / "data", jobs={"heartbeat_seconds": 0.5, "queues": ["decode"]})
    ) as app:
        worker = app.worker()
        yield Process(app, worker)
        await worker.stop()


LOOPS: dict[str, tuple[Callable[[Process], object], str]] = {
    "watch": (lambda process: process.worker, "_relieve_the_dead"),
    "chores": (lambda process: process.worker._chores, "_do_if_due"),
    "queues": (lambda process: process.worker._engine, "_taken"),
    "leases": (lambda process: process.worker._engine, "_compare"),
    "reports": (lambda process: process.app.reporter, "_report"),
    "events": (lambda process: feed, "committed"),
    "cache": (lambda process: process.app.cache, "sweep"),
    "identities": (lambda process: process.app.identities, "forget"),
}


@pytest.mark.parametrize("loop", LOOPS)
async def test_a_loop_goes_on_after_a_failure_that_nobody_has_thought_of(
    loop: str, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever fails in the middle of a round, there is a next round, in which it is done."""
    part, method = LOOPS[loop]
    app = process.app
    monkeypatch.setattr(cache, "SWEEP_SECONDS", 0.1)
    await process.worker.start()
    broken = FailsOnce(getattr(part(process), method))
    monkeypatch.setattr(part(process), method, broken)
    await app.reporter.start("worker")
    app.cache._keep_sweeping()
    await app.identities.of(new_token("session").text)

    def done_again() -> bool:
        app.feed.poke(repository.STREAM)
        return broken.calls > 1

    await until(done_again)


async def test_progress_is_told_again_after_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who watches an hour of fetching sees it go on, although the database was away for a moment."""
    monkeypatch.setattr(steps, "PROGRESS_SECONDS", 0.01)
    told: list[int] = []

    async def tell() -> None:
        told.append(len(told))
        if len(told) == 1:
            raise DatabaseUnavailableError

    async with steps._telling(tell), asyncio.timeout(20):
        await until(lambda: len(told) > 2)
