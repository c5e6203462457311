"""When other processes have committed events: PostgreSQL tells, SQLite has to be asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import psycopg
import structlog

from videochat.store import events
from videochat.store.session import Database

log = structlog.get_logger(__name__)

# PostgreSQL tells everything; looking from time to time guards against what a dead connection did not tell.
LOOK_SECONDS = 5.0
RECONNECT_SECONDS = 1.0


async def committed(database: Database, poll_seconds: float) -> AsyncGenerator[str | None]:
    """Yield the stream of each committed event, for ever; None means that any stream may have changed."""
    source = _told(database) if database.dialect == "postgresql" else _asked(database, poll_seconds)
    async with aclosing(source) as streams:
        async for stream in streams:
            yield stream


async def _asked(database: Database, poll_seconds: float) -> AsyncGenerator[str | None]:
    async with database.read() as session:
        seen = await events.newest(session)
    yield None  # for what was committed before we looked
    while True:
        await asyncio.sleep(poll_seconds)
        async with database.read() as session:
            newest = await events.newest(session)
            streams = await events.streams_after(session, seen) if newest > seen else []
        seen = newest
        for stream in streams:
            yield stream


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
