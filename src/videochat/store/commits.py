"""When other processes have committed something: PostgreSQL tells, SQLite has to be asked, which costs it a few microseconds."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import aclosing, closing

import psycopg
import structlog

from videochat.store import events
from videochat.store.session import Database

log = structlog.get_logger(__name__)

# PostgreSQL tells everything; looking from time to time guards against what a dead connection did not tell.
LOOK_SECONDS = 5.0
RECONNECT_SECONDS = 1.0


async def committed(database: Database, poll_seconds: float) -> AsyncGenerator[str | None]:
    """Yield the stream of each committed event and the name of each bell that was rung, for ever.

    None means that any of them may have been.
    """
    source = _told(database) if database.dialect == "postgresql" else _asked(database, poll_seconds)
    async with aclosing(source) as streams:
        async for stream in streams:
            yield stream


async def _asked(database: Database, poll_seconds: float) -> AsyncGenerator[str | None]:
    with closing(_Look(str(database.engine.url.database))) as look:
        while True:
            for stream in look.news():
                yield stream
            await asyncio.sleep(poll_seconds)


class _Look:
    """Looks into a SQLite file for what others committed. It takes microseconds, so there is no need for a thread."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, timeout=0)
        self._version: int | None = None
        self._seen = self._rung = 0

    def close(self) -> None:
        self._connection.close()

    def news(self) -> list[str | None]:
        """Return what has news since the last time, at first anything."""
        try:
            return self._news()
        except sqlite3.OperationalError:  # a file that is locked for a moment
            return [None]

    def _news(self) -> list[str | None]:
        # A number in shared memory: https://www.sqlite.org/pragma.html#pragma_data_version
        earlier, self._version = self._version, self._one("PRAGMA data_version")
        if earlier == self._version:
            return []
        seen, self._seen = self._seen, self._one("SELECT coalesce(max(id), 0) FROM events")
        rung, self._rung = self._rung, self._one(f"PRAGMA {events.BELL_COUNT}")
        if earlier is None:
            return [None]
        rows = self._connection.execute("SELECT DISTINCT stream FROM events WHERE id > ?", (seen,)).fetchall()
        return [*(stream for (stream,) in rows), *([events.TASKS] if self._rung != rung else [])]

    def _one(self, query: str) -> int:
        (number,) = self._connection.execute(query).fetchone()
        return int(number)


async def _told(database: Database) -> AsyncGenerator[str | None]:
    while True:
        try:
            async with aclosing(_notifications(database)) as streams:
                async for stream in streams:
                    yield stream
        except psycopg.OperationalError as error:
            log.warning("events.unheard", error=str(error))
            await asyncio.sleep(RECONNECT_SECONDS)


async def _notifications(database: Database) -> AsyncGenerator[str | None]:
    url = database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=10) as connection:
        await connection.execute(f"LISTEN {events.CHANNEL}")
        while True:
            yield None  # at first for what was committed before we listened
            async for told in connection.notifies(timeout=LOOK_SECONDS):
                yield told.payload
