"""What runs in an event loop of its own, beside a test that has none."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TypeVar

Opened = TypeVar("Opened")


@contextmanager
def beside(opening: AbstractAsyncContextManager[Opened]) -> Iterator[Opened]:
    """Keep it open in a thread for as long as the block runs."""
    stop, opened = threading.Event(), Future[Opened]()

    async def run() -> None:
        async with opening as found:
            opened.set_result(found)
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    try:
        yield opened.result(10)
    finally:
        stop.set()
        thread.join(10)
