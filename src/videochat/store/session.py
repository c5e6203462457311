"""Sessions on SQLite and PostgreSQL through one door: `read()` and `write()`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import QueuePool

from videochat.errors import (
    BusyError,
    ConfigurationError,
    DatabaseUnavailableError,
    StorageError,
    StorageFullError,
)
from videochat.store.sqlite import READ_ONLY, sqlite_engine

log = structlog.get_logger(__name__)

DISK_FULL = "53100"  # PostgreSQL's SQLSTATE


@dataclass(frozen=True, slots=True)
class Connections:
    """Connections that are used and that wait to be, and the most that there may be."""

    used: int
    idle: int
    limit: int


class Database:
    """Short sessions on one database.

    Never keep one open during decoding, model or provider work: a write session holds SQLite's only write lock.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._reader = engine.execution_options(**{READ_ONLY: True})

    @property
    def dialect(self) -> str:
        return self.engine.dialect.name

    def connections(self) -> Connections:
        """Return how many connections this process has now."""
        pool = self.engine.pool
        if not isinstance(pool, QueuePool):
            return Connections(0, 0, 0)
        return Connections(pool.checkedout(), pool.checkedin(), pool.size() + pool._max_overflow)  # noqa: SLF001  # no public way

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """Open a session that sees one consistent state and never waits for writers on SQLite."""
        session = AsyncSession(self._reader, expire_on_commit=False)
        with _clear_errors():
            try:
                yield session
            finally:
                await _whole(session.close())

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncSession]:
        """Open a session that sees the state of its first query until it ends, whatever is committed meanwhile."""
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        engine = self._reader.execution_options(**options) if self.dialect == "postgresql" else self._reader
        session = AsyncSession(engine, expire_on_commit=False)
        with _clear_errors():
            try:
                yield session
            finally:
                await _whole(session.close())

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """Open a session that is committed when the block ends without an error and rolled back otherwise."""
        session = AsyncSession(self.engine, expire_on_commit=False)
        with _clear_errors():
            try:
                yield session
                await _whole(session.commit())
            finally:
                await _whole(session.close())

    async def ping(self) -> None:
        async with self.read() as session:
            await session.execute(text("SELECT 1"))

    async def close(self) -> None:
        await self.engine.dispose()


async def _whole(work: Coroutine[Any, Any, None]) -> None:
    """Do the work to its end even if we are cancelled meanwhile: a torn commit or a torn return to the pool helps nobody."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


class _clear_errors:  # noqa: N801  # reads as a statement
    """Turn the driver's operational errors into ours, without SQL or addresses in the message."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OperationalError):
            raise _translated(error) from error


def _translated(error: OperationalError) -> StorageError | BusyError:
    code = getattr(error.orig, "sqlite_errorname", "")
    if code == "SQLITE_FULL":
        return StorageFullError()
    if code.startswith("SQLITE_BUSY"):
        return BusyError("The database is busy; try again.")
    if code in {"SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM"}:
        return StorageError("The database cannot be written: check DATA_DIR and its rights.")
    if getattr(error.orig, "sqlstate", None) == DISK_FULL:
        return StorageFullError()
    log.error("database.failed", error=str(error.orig))
    return DatabaseUnavailableError()


def parse_url(url: str) -> URL:
    """Return the SQLAlchemy URL with the driver that VideoChat uses. Raises ConfigurationError."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigurationError("DATABASE__URL is not a database URL; try sqlite:///videochat.db.") from None
    match parsed.get_backend_name():
        case "sqlite":
            return parsed.set(drivername="sqlite+aiosqlite")
        case "postgresql" | "postgres":
            return parsed.set(drivername="postgresql+psycopg")
        case name:
            raise ConfigurationError(f"DATABASE__URL: {name} is not supported; use sqlite or postgresql.")


def open_database(url: str, *, pool_size: int = 10) -> Database:
    """Connect lazily to the database at the URL; a missing SQLite folder is made."""
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        return Database(sqlite_engine(parsed))
    return Database(
        create_async_engine(
            parsed,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_pre_ping=True,
            connect_args={"connect_timeout": 10},
            hide_parameters=True,  # of a failed statement: questions and transcripts are nothing for the log
        )
    )
