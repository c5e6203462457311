"""Work in the background that must not end while its process goes on: what fails is logged and begun again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

log = structlog.get_logger(__name__)

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
HEALTHY_SECONDS = 60.0

Result = TypeVar("Result")


class Pauses:
    """How long to wait before something is begun again: twice as long each time, until it has lasted for a while."""

    def __init__(self) -> None:
        self._next = FIRST_PAUSE

    def after(self, lasted: float) -> float:
        """Return the seconds to wait after it has lasted for so many."""
        pause = FIRST_PAUSE if lasted > HEALTHY_SECONDS else self._next
        self._next = min(pause * 2, LONGEST_PAUSE)
        return pause


def keep(name: str, work: Callable[[], Awaitable[Result]]) -> asyncio.Task[Result]:
    """Begin the work in a task of its own, as `kept` does it, until it is cancelled or returns."""
    return asyncio.create_task(kept(name, work), name=name)


async def kept(name: str, work: Callable[[], Awaitable[Result]]) -> Result:
    """Do the work until it returns, however often it fails before.

    What is expected to fail the work catches itself; this is for all that nobody has thought of. Work that fails while it is
    being cancelled stays ended.
    """
    pauses = Pauses()
    while True:
        began = time.monotonic()
        try:
            return await work()
        except Exception:
            if _is_ending():
                raise
            pause = pauses.after(time.monotonic() - began)
            log.exception("loop.failed", loop=name, restart_in=pause)
        await asyncio.sleep(pause)


def _is_ending() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
