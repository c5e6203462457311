"""Ending tasks for certain."""

from __future__ import annotations

import asyncio
from typing import Any

AGAIN_SECONDS = 3.0  # longer than cleaning up takes: another cancel would interrupt it


async def cancelled(*tasks: asyncio.Task[Any], again: float = AGAIN_SECONDS) -> None:
    """Cancel the tasks and return when they have ended, whatever they end with.

    A task that is being cancelled is left to clean up. It may only look so: an `asyncio.timeout` that has just run out cancels
    its own task, which then goes on. So what has not ended after a while is cancelled again; `again` says after how many seconds.
    """
    for task in tasks:
        if not task.cancelling():
            task.cancel()
    pending = {*tasks}
    while pending:
        _, pending = await asyncio.wait(pending, timeout=again)
        for task in pending:
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)  # what they raised is taken note of
