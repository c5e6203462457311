"""Sessions on SQLite and PostgreSQL through one door: `read()` and `write()`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

import structlog
from sqlalchemy import event, exc, text
from sqlalchemy.engine import URL, Engine, ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, DataError, InternalError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import QueuePool

from videochat.errors import (
    BusyError,
    ConfigurationError,
    DatabaseUnavailableError,
    InvalidError,
    StorageError,
    StorageFullError,
)
from videochat.store.sqlite import READ_ONLY, sqlite_engine

log = structlog.get_logger(__name__)

DISK_FULL = "53100"  # PostgreSQL's SQLSTATE
BUSY = "The database is busy; try again."

# A process that was frozen, or whose machine is gone, must not hold its locks until somebody comes: then PostgreSQL ends its
# transaction, before others take over what it worked on. None of ours waits for anything but the database meanwhile.
IDLE_SECONDS = 5.0
# And a server that is gone must not hold us: libpq's own patience is the system's, two hours.
KEEPALIVES = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 20_000}

Use = Literal["read", "write"]


@dataclass(frozen=True, slots=True)
class Connections:
    """Connections that are used and that wait to be, and the most that there may be."""

    used: int
    idle: int
    limit: int


class Database:
    """Short sessions on one database.

    Never keep one open during decoding, model or provider work: a write session holds SQLite's only write lock. `waited` hears
    for each how many seconds it waited for its connection and, when it writes on SQLite, for that lock.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.waited: Callable[[Use, float], None] = lambda _use, _seconds: None
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
                await self._connect(session, "read")
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
                await self._connect(session, "read")
                if self.dialect == "postgresql":  # who is slow to write down what is read holds up nobody
                    await session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
                yield session
            finally:
                await _whole(session.close())

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """Open a session that is committed when the block ends without an error and rolled back otherwise."""
        session = AsyncSession(self.engine, expire_on_commit=False)
        with _clear_errors():
            try:
                await self._connect(session, "write")
                yield session
                await _whole(session.commit())
            finally:
                await _whole(session.close())

    async def ping(self) -> None:
        async with self.read() as session:
            await session.execute(text("SELECT 1"))

    async def close(self) -> None:
        await self.engine.dispose()

    async def _connect(self, session: AsyncSession, use: Use) -> None:
        started = time.perf_counter()
        try:
            await session.connection()
        finally:
            self.waited(use, time.perf_counter() - started)


async def _whole(work: Coroutine[Any, Any, None]) -> None:
    """Do the work to its end even if we are cancelled meanwhile: a torn commit or a torn return to the pool helps nobody."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


class _clear_errors:  # noqa: N801  # reads as a statement
    """Turn operational errors of the driver and of its pool into ours, without SQL or addresses in the message.

    What no database can store or compare comes from who asked: NUL, halves of characters, numbers of more than 64 bits.
    """

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OperationalError | InternalError):  # the latter: ended while idle, or read-only by now
            raise _translated(error) from error
        if isinstance(error, DataError | UnicodeEncodeError | OverflowError):
            raise InvalidError("It holds a character or a number that cannot be stored.") from error
        if isinstance(error, exc.TimeoutError):  # all connections were in use for too long
            raise BusyError(BUSY) from error


def _translated(error: OperationalError | InternalError) -> StorageError | BusyError:
    code = getattr(error.orig, "sqlite_errorname", "")
    if code == "SQLITE_FULL":
        return StorageFullError()
    if code.startswith("SQLITE_BUSY"):
        return BusyError(BUSY)
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
    engine = create_async_engine(
        parsed,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        connect_args=_connecting(parsed),
        hide_parameters=True,  # of a failed statement: questions and transcripts are nothing for the log
    )
    say_less(engine.sync_engine)
    return Database(engine)


def say_less(engine: Engine) -> None:
    """Have errors of this engine say what PostgreSQL says first: its details quote rows, with all that is in them."""
    event.listen(engine, "handle_error", _shorten)


def _shorten(context: ExceptionContext) -> None:
    primary = getattr(getattr(context.original_exception, "diag", None), "message_primary", None)
    if primary is None:  # SQLite's, or one of the connection itself
        return
    context.original_exception.args = (primary,)
    if context.sqlalchemy_exception is not None:  # it has copied the text
        kind = type(context.original_exception)
        context.sqlalchemy_exception.args = (f"({kind.__module__}.{kind.__name__}) {primary}",)


def _connecting(url: URL) -> dict[str, object]:
    """Return how connections are made where the URL does not say it: see https://www.postgresql.org/docs/current/libpq-connect.html."""
    options = f"-c idle_in_transaction_session_timeout={round(1000 * IDLE_SECONDS)}"
    ours: dict[str, object] = {"connect_timeout": 10, "options": options, **KEEPALIVES}
    return {name: value for name, value in ours.items() if name not in url.query}
