"""Slows down who guesses passwords: counted in the database, so that it holds for all processes together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from videochat.access import repository
from videochat.errors import TooManyError
from videochat.store.session import Database

WINDOW = timedelta(minutes=15)
# A name is guessed at by one who knows it; behind one address there may be a whole school.
MOST_FAILURES = {"name": 10, "address": 50}


class Throttle:
    """Counts failures under a name (`name:…`) and from an address (`address:…`)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def check(self, who: Sequence[str]) -> None:
        """Raise TooManyError when one of these failed too often within a quarter of an hour."""
        now = datetime.now(UTC)
        for one in who:
            async with self._database.read() as session:
                found = await repository.attempts(session, [one], now - WINDOW)
            for failures, since in found:
                if failures >= MOST_FAILURES[one.partition(":")[0]]:
                    seconds = int((since + WINDOW - now).total_seconds()) + 1
                    raise TooManyError("Too many failed attempts: try again later.", retry_after=seconds)

    async def fail(self, who: Sequence[str]) -> None:
        now = datetime.now(UTC)
        async with self._database.write() as session:
            for one in who:
                await repository.fail(session, one, now, now - WINDOW)

    async def forgive(self, who: str) -> None:
        async with self._database.write() as session:
            await repository.forgive(session, who)
