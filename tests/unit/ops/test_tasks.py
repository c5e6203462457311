"""Ending tasks for certain."""

from __future__ import annotations

import asyncio
import contextlib

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


async def test_a_task_that_forgets_a_cancel_is_ended_all_the_same() -> None:
    """It is cancelled again after a while; those that have failed or ended are no trouble, nor are none."""
    running = [asyncio.create_task(work) for work in (stubborn(0), stubborn(2), failing())]
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await cancelled(*running, again=0.02)
        await cancelled()
    assert [task.cancelled() for task in running] == [True, True, False]


async def test_who_needs_long_to_clean_up_may_have_it() -> None:
    """Cleaning up for longer than others may is not interrupted where that is known, and elsewhere it is."""

    async def tidy() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.2)
            cleaned.append(True)

    cleaned: list[bool] = []
    for again in (0.02, 20.0):
        running = asyncio.create_task(tidy())
        await asyncio.sleep(0)
        await cancelled(running, again=again)
        assert cleaned == ([] if again < 1 else [True])


async def test_a_task_whose_time_has_just_run_out_is_ended() -> None:
    """It counts as cancelled in that moment, yet its loop goes on."""

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
        await cancelled(running, again=0.02)
    assert running.cancelled()
