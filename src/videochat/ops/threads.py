"""Work of libraries that block, in threads that hold up neither the event loop nor the end of the process."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def beside(work: Callable[[], T], *, crashed: T, name: str) -> asyncio.Future[T]:
    """Do the work in a thread of its own and give its result, or `crashed` when it raised something.

    Whoever stops waiting leaves it to go on; when the process ends, so does the thread.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        result = crashed
        try:
            result = work()
        finally:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_settle, outcome, result)

    threading.Thread(target=run, name=name, daemon=True).start()
    return outcome


def _settle(outcome: asyncio.Future[T], result: T) -> None:
    if not outcome.done():  # who waited may have given up
        outcome.set_result(result)
