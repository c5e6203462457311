"""Ending tasks for certain."""

from __future__ import annotations

import asyncio

AGAIN_SECONDS = 3.0  # longer than cleaning up takes: another cancel would interrupt it


async def cancelled(*tasks: asyncio.Task[None]) -> None:
    """Cancel the tasks and return when they have ended, whatever they end with.

    Once is not enough: a cancel that comes in the same moment as what a task waits for may get lost on its way through a
    library, and a loop then goes on for ever. Seen in about one of seventy stops of an engine on PostgreSQL with Python 3.11.
    """
    for task in tasks:
        if not task.cancelling():
            task.cancel()
    pending = {*tasks}
    while pending:
        _, pending = await asyncio.wait(pending, timeout=AGAIN_SECONDS)
        for task in pending:
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)  # what they raised is taken note of
