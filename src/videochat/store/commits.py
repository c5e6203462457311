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
    """Yield the stream of each committed event, for ever; None means that any stream may have changed.

    What is committed without an event, like a task that waits, is told as `events.SILENT`.
    """
    source = _told(database) if database.dialect == "postgresql" else _asked(database, poll_seconds)
    async with aclosing(source) as streams:
        async for stream in streams:
            yield stream


async def _asked(database: Database, poll_seconds: float) -> AsyncGenerator[str | None]:
    async with database.read() as session:
        seen = await events.newest(session)
    with closing(sqlite3.connect(str(database.engine.url.database), timeout=0)) as connection:
        version = _version(connection)
        yield None  # for what was committed before we looked
        while True:
            await asyncio.sleep(poll_seconds)
            earlier, version = version, _version(connection)
            if earlier == version is not None:
                continue
            async with database.read() as session:
                streams = await events.streams_after(session, seen)
                seen = max(seen, await events.newest(session))
            for stream in streams or [events.SILENT]:
                yield stream


def _version(connection: sqlite3.Connection) -> int | None:
    """Return a number that changes with each commit of another connection; None when it cannot be told just now.

    It lies in memory that all processes share, https://www.sqlite.org/pragma.html#pragma_data_version, so there is no need
    for a thread.
    """
    try:
        return int(connection.execute("PRAGMA data_version").fetchone()[0])
    except sqlite3.OperationalError:
        return None


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
