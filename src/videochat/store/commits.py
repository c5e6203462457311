"""When other processes have committed something: PostgreSQL tells, SQLite has to be asked, which costs it a few microseconds."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import aclosing, closing
from importlib import import_module

from videochat.store import events
from videochat.store.session import Database


async def committed(database: Database, poll_seconds: float) -> AsyncGenerator[str | None]:
    """Yield the stream of each committed event and the name of each bell that was rung, for ever.

    None means that any of them may have been.
    """
    if database.dialect == "postgresql":  # whose driver takes a tenth of a second to import
        source = import_module("videochat.store.notifications").told(database)
    else:
        source = _asked(database, poll_seconds)
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
