"""PostgreSQL and a process that stands still in the middle of a transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy import func, select, text

from conftest import new_postgres
from videochat.errors import DatabaseUnavailableError
from videochat.store import artefacts, events, session
from videochat.store.session import Database, open_database
from videochat.store.tables import EventRow
from waiting import until

IDLE_SECONDS = 0.5


@pytest.fixture
def url(migrated_postgres: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(session, "IDLE_SECONDS", IDLE_SECONDS)
    with new_postgres(migrated_postgres) as new:
        yield new


@pytest.fixture
async def databases(url: str) -> AsyncIterator[tuple[Database, Database]]:
    frozen, other = open_database(url), open_database(url)
    yield frozen, other
    await frozen.close()
    await other.close()


async def test_it_holds_up_others_for_a_moment_only(databases: tuple[Database, Database]) -> None:
    """Its locks are gone in time for a take-over, nothing of what it did is stored, and it can go on when it thaws."""
    frozen, other = databases

    async def append(database: Database, which: str) -> None:
        async with database.write() as session:
            await events.append(session, "system", which, {}, owner="local")

    with pytest.raises(DatabaseUnavailableError):
        async with frozen.write() as held:
            await events.append(held, "system", "lost", {}, owner="local")
            async with asyncio.timeout(IDLE_SECONDS + 5):
                await append(other, "stored")
            await events.append(held, "system", "lost", {}, owner="local")
    await append(frozen, "thawed")
    async with other.read() as session:
        assert [*await session.scalars(select(EventRow.type).order_by(EventRow.id))] == ["stored", "thawed"]


async def test_a_snapshot_may_be_read_slowly(databases: tuple[Database, Database]) -> None:
    """Whoever writes down what is read, and holds no lock, is not ended however long that takes."""
    reader, other = databases
    idle = text(
        "SELECT extract(epoch FROM clock_timestamp() - state_change) FROM pg_stat_activity WHERE datname = current_database() AND state = :state"
    )
    async with reader.snapshot() as session:
        assert await artefacts.get(session, "k") is None

        async def long_enough() -> bool:
            async with other.read() as looking:
                waited = await looking.scalar(idle, {"state": "idle in transaction"})
                return waited is not None and waited > 2 * IDLE_SECONDS

        await until(long_enough)
        assert await session.scalar(select(func.count()).select_from(EventRow)) == 0
