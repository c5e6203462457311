"""A worker's loop that keeps every passage findable by its meaning. One of all workers does it at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog

from videochat.errors import VideoChatError
from videochat.jobs import repository
from videochat.store.session import Database

log = structlog.get_logger(__name__)

CHORE = "vectors"
LOOK_SECONDS = 5.0
# For as long nobody else does it, unless it is handed back; who takes over from a slow worker does one batch of his again.
LEASE = timedelta(minutes=2)
TURN_SECONDS = 30.0  # in which batches are begun under one lease
BETWEEN_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 300.0


class Backfill(Protocol):
    """Gives passages their vectors. Errors: EmbedderError, and what the database raises."""

    async def is_due(self) -> bool:
        """Say whether some have none."""
        ...

    async def batch(self) -> int:
        """Do some, and return how many."""
        ...


class Embedding:
    """Does what there is to do for as long as `keep_doing` runs; after a failure it waits, each time for twice as long."""

    def __init__(
        self, database: Database, backfill: Backfill, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database = database
        self._backfill = backfill
        self._now = now
        self._failures = 0

    async def keep_doing(self) -> None:
        while True:
            pause = await self.turn()
            await asyncio.sleep(pause)

    async def turn(self) -> float:
        """Do what is due, for about half a minute at most, and return how many seconds to wait until the next turn."""
        try:
            if not await self._backfill.is_due() or not await self._mine():
                return LOOK_SECONDS
            await self._batches()
            await self._hand_back()
        except VideoChatError as error:  # the lease stays, so that others do not fail at once as well
            pause = min(LOOK_SECONDS * 2.0**self._failures, LONGEST_PAUSE_SECONDS)
            self._failures = min(self._failures + 1, 10)
            log.warning("embedding.failed", code=error.reason, error=error.message, pause=pause)
            return pause
        self._failures = 0
        return BETWEEN_SECONDS

    async def _batches(self) -> None:
        began, count = time.monotonic(), 0
        while time.monotonic() - began < TURN_SECONDS and (done := await self._backfill.batch()):
            count += done
        log.info("embedding", passages=count, ms=round((time.monotonic() - began) * 1000))

    async def _mine(self) -> bool:
        async with self._database.write() as session:
            return await repository.claim_chore(session, CHORE, self._now(), LEASE)

    async def _hand_back(self) -> None:
        async with self._database.write() as session:
            await repository.hand_back_chore(session, CHORE, self._now())
