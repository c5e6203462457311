"""What every test may use: a migrated database of each kind, a bucket of an S3 store, and a Redis of its own."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import structlog
from sqlalchemy.engine import make_url

from redis_server import PROGRAM, RedisServer
from s3 import KEYS, Bucket, serve_s3
from videochat.ops.logfile import LogFile
from videochat.store.migrate import migrate
from videochat.store.session import Database, open_database

POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")


def skip_unless_ci(reason: str) -> None:
    """Skip with the reason; where CI=true a missing service is a failure, because nobody would notice the skip."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must have it: {reason}")
    pytest.skip(reason)


@contextmanager
def new_postgres(template: str = "template1") -> Iterator[str]:
    """Give the URL of a new PostgreSQL database, a copy of the template, that is dropped afterwards."""
    name = f"videochat_test_{uuid.uuid4().hex[:12]}"
    try:
        admin = psycopg.connect(POSTGRES, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError:
        skip_unless_ci("no PostgreSQL at TEST_POSTGRES_URL (default 127.0.0.1:5432)")
        raise
    with admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        yield make_url(POSTGRES).set(database=name).render_as_string(hide_password=False)
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """Give the URL of a new, empty PostgreSQL database that is dropped afterwards."""
    with new_postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def bare_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of a database without tables, once for each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'videochat.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a SQLite file with all tables, to be copied: migrating takes longer than most tests."""
    file = tmp_path_factory.mktemp("migrated") / "videochat.db"
    asyncio.run(migrate(f"sqlite:///{file}"))
    return file


@pytest.fixture(scope="session")
def migrated_postgres() -> Iterator[str]:
    """Give the name of a PostgreSQL database with all tables, to be copied."""
    with new_postgres() as url:
        asyncio.run(migrate(url))
        yield str(make_url(url).database)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give the URL of a migrated, empty database, once for each kind."""
    if request.param == "sqlite":
        copied = shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "videochat.db")
        yield f"sqlite:///{copied}"
    else:
        with new_postgres(request.getfixturevalue("migrated_postgres")) as url:
            yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Give a migrated, empty database, once for each kind."""
    opened = open_database(database_url)
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def s3_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of an S3 store on this machine."""
    with serve_s3(tmp_path_factory.mktemp("s3") / "log") as endpoint:
        yield endpoint


@pytest.fixture
def bucket(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """Give an empty bucket, with keys to it in the environment and nothing else of that kind."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    return Bucket.create(s3_endpoint)


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """Give an empty Redis that only this test knows."""
    if PROGRAM is None:
        skip_unless_ci("no redis-server on the PATH")
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def logging_as_it_was() -> Iterator[None]:
    """Let the test configure logging, which is so for a whole process, and leave none of it to other tests."""
    root = logging.getLogger()
    handlers, level = [*root.handlers], root.level
    yield
    for handler in root.handlers:
        if isinstance(stream := getattr(handler, "stream", None), LogFile):
            stream.close()
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
