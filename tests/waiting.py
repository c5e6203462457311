"""Waiting for what happens beside a test: on a busy machine it takes longer, and is no less right."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable


async def until(condition: Callable[[], bool | Awaitable[bool]], seconds: float = 20) -> float:
    """Wait until it is so, and return how many seconds that took. Raises TimeoutError after `seconds`."""
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        while True:
            met = condition()
            if met if isinstance(met, bool) else await met:
                return time.monotonic() - began
            await asyncio.sleep(0.01)
