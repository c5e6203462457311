"""SQLite as VideoChat uses it: in WAL mode, with transactions of our own, and connections that always close."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

import aiosqlite
from sqlalchemy import Connection, event
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from videochat.errors import from_os_error

BUSY_TIMEOUT_MS = 30_000
READ_ONLY = "videochat_read_only"  # the option of an engine whose transactions only read


class RolledBack(sqlite3.Connection):
    """Rolls back when it is closed.

    Who is cancelled between a statement and its rows leaves a statement that is not at its end. SQLite then keeps a closed
    connection, its transaction and the lock of all writers until the cursor is forgotten, which a traceback may put off for
    ever: https://www.sqlite.org/c3ref/close.html, "zombie".
    """

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self.rollback()
        super().close()


class Threaded(aiosqlite.Connection):
    """Stops its thread once, and lets whoever closes it wait for that.

    Of a second stop the thread would hear nothing any more, and who waits for it would wait for ever: so it is when a
    connection is closed that was stopped a moment ago, because the task that used it was cancelled.
    """

    _stopping: asyncio.Future[Any] | None = None
    _stopped = False

    def stop(self) -> asyncio.Future[Any] | None:
        if not self._stopped:
            self._stopped = True
            self._stopping = super().stop()
        return None if self._stopping is None else asyncio.shield(self._stopping)

    async def close(self) -> None:
        if self._stopped:
            if (stopping := self.stop()) is not None:
                await stopping
        else:
            await super().close()


async def _connect(path: str) -> aiosqlite.Connection:
    open_file = partial(sqlite3.connect, path, check_same_thread=False, factory=RolledBack)
    connection = Threaded(open_file, iter_chunk_size=64)
    connection._thread.daemon = True  # noqa: SLF001  # as SQLAlchemy has it: a thread must not keep the process
    return await connection


def sqlite_engine(url: URL) -> AsyncEngine:
    """Return an engine on the file, whose folder is made where it is missing. Raises StorageError."""
    path = url.database or ":memory:"
    if path != ":memory:":
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise from_os_error(error, "opening the database") from error
    engine = create_async_engine(url, async_creator=partial(_connect, path), hide_parameters=True)
    event.listen(engine.sync_engine, "connect", _prepare)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _record: object) -> None:
    # The driver's own transaction handling silently loses concurrent read-modify-writes: we say BEGIN ourselves.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_MS}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    read_only = connection.get_execution_options().get(READ_ONLY, False)
    connection.exec_driver_sql("BEGIN DEFERRED" if read_only else "BEGIN IMMEDIATE")
