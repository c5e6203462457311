"""Ending tasks for certain."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from videochat.ops import tasks
from videochat.ops.tasks import cancelled


async def stubborn(swallows: int) -> None:
    """Forget so many cancels, as a library may."""
    while True:
        if swallows == 0:
            await asyncio.sleep(60)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        swallows -= 1


async def failing() -> None:
    raise ZeroDivisionError


async def test_a_task_that_forgets_a_cancel_is_ended_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is cancelled again after a while; those that have failed or ended are no trouble, nor are none."""
    monkeypatch.setattr(tasks, "AGAIN_SECONDS", 0.02)
    running = [asyncio.create_task(work) for work in (stubborn(0), stubborn(2), failing())]
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await cancelled(*running)
        await cancelled()
    assert [task.cancelled() for task in running] == [True, True, False]


async def test_a_task_whose_time_has_just_run_out_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts as cancelled in that moment, yet its loop goes on."""
    monkeypatch.setattr(tasks, "AGAIN_SECONDS", 0.02)

    async def loop() -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(60) as limit:
                    limits.append(limit)
                    await asyncio.sleep(120)

    limits: list[asyncio.Timeout] = []
    running = asyncio.create_task(loop())
    await asyncio.sleep(0)
    limits[0].reschedule(asyncio.get_running_loop().time())
    while not running.cancelling():
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await cancelled(running)
    assert running.cancelled()
