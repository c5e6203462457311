"""What PostgreSQL tells of what other processes have committed."""

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


async def told(database: Database) -> AsyncGenerator[str | None]:
    """Yield the stream of each committed event and the name of each bell, for ever; None: any of them may have been."""
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
