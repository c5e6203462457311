"""Empty databases to measure on: SQLite always, PostgreSQL where a server answers."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import psycopg
from sqlalchemy import Connection, create_engine, func, select, text
from sqlalchemy.engine import make_url

SERVER = os.environ.get("TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
CONNECT_SECONDS = 3

Kind = Literal["sqlite", "postgresql"]


def available() -> list[Kind]:
    """Return the kinds that can be measured here."""
    try:
        _admin().close()
    except psycopg.OperationalError:
        return ["sqlite"]
    return ["sqlite", "postgresql"]


@contextmanager
def empty_database(kind: Kind, folder: Path) -> Iterator[str]:
    """Give the URL of an empty database that is removed afterwards, or with the folder."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'videochat.db'}"
        return
    name = f"videochat_bench_{uuid.uuid4().hex[:12]}"
    with _admin() as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
    try:
        yield make_url(SERVER).set(database=name).render_as_string(hide_password=False)
    finally:
        with _admin() as admin:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def break_connections(url: str) -> int:
    """End every connection to the PostgreSQL database, as a restart of the server would, and return how many there were."""
    query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
    with _admin() as admin:
        return len(admin.execute(query, [make_url(url).database]).fetchall())


def allow_connections(url: str, *, allowed: bool) -> None:
    """Let the PostgreSQL database accept or refuse new connections."""
    with _admin() as admin:
        admin.execute(f'ALTER DATABASE "{make_url(url).database}" WITH ALLOW_CONNECTIONS {allowed}')


def count_rows(url: str, table: str) -> int:
    """Return how many rows the table has."""
    with connected(url) as connection:
        return int(connection.scalar(select(func.count()).select_from(text(table))) or 0)


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """Look into the database past the service."""
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg") if "postgres" in url else url)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _admin() -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(SERVER, autocommit=True, connect_timeout=CONNECT_SECONDS)
