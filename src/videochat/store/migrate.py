"""Bring a database to the newest schema. Several processes may try at the same time: one works, the others wait."""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import structlog
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from videochat.errors import StorageError, from_os_error
from videochat.store.session import parse_url

log = structlog.get_logger(__name__)

MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 0x76636D67  # any fixed number: the name of the lock on PostgreSQL ("vcmg")


async def migrate(url: str) -> None:
    """Create or upgrade the schema of the database at the URL. Raises StorageError."""
    await asyncio.to_thread(_migrate, parse_url(url))


def _migrate(url: URL) -> None:
    sync = url.set(drivername="sqlite") if url.get_backend_name() == "sqlite" else url
    try:
        with _file_lock(sync):
            engine = create_engine(sync, poolclass=NullPool)
            with engine.connect() as connection:
                _bring_up(connection, _revision(connection))
    except OperationalError as error:
        log.warning("migration.failed", error=str(error.orig))
        raise StorageError("The database cannot be opened: check DATABASE__URL, DATA_DIR and their rights.") from error


def newest_revision() -> str:
    return max(known_revisions())


def known_revisions() -> frozenset[str]:
    """Return the migrations that this version knows; their files are named after them."""
    return frozenset(file.name.partition("_")[0] for file in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def _bring_up(connection: Connection, found: str | None) -> None:
    """Upgrade unless it is done, or a later version has done more: that only adds, so this one can work on it."""
    if found is not None and found not in known_revisions():
        log.warning("migration.newer", revision=found, known=newest_revision())
    elif found != newest_revision():
        _upgrade(connection)


def _revision(connection: Connection) -> str | None:
    with connection.begin():
        there = inspect(connection).has_table("alembic_version")
        return connection.scalar(text("SELECT version_num FROM alembic_version")) if there else None


def _upgrade(connection: Connection) -> None:
    # Alembic takes a tenth of a second to import, and most starts find nothing to do.
    config = import_module("alembic.config").Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    with connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        import_module("alembic.command").upgrade(config, "head")
    log.info("migration.done", revision=newest_revision())


@contextmanager
def _file_lock(url: URL) -> Iterator[None]:
    """SQLite cannot make waiters wait through a whole migration, a lock file can."""
    if url.get_backend_name() != "sqlite" or url.database in {None, "", ":memory:"}:
        yield
        return
    path = Path(str(url.database))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with Path(f"{path}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise from_os_error(error, "opening the database") from error
