"""The store on real databases."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from videochat.errors import BusyError, ConfigurationError, InvalidError, StorageError
from videochat.store import artefacts, events
from videochat.store.feed import EventFeed
from videochat.store.migrate import migrate
from videochat.store.session import Database, open_database
from videochat.store.tables import Base


async def test_a_snapshot_does_not_see_what_is_committed_meanwhile(database: Database) -> None:
    """Whatever others do, each query of it is answered from the state that the first one saw; a later one sees all."""

    async def known(session: AsyncSession) -> dict[str, Any] | None:
        return await artefacts.get(session, "k")

    async with database.snapshot() as session:
        assert await known(session) is None
        async with database.write() as other:
            await artefacts.put(other, "k", "audio", {"n": 1})
        assert await known(session) is None
    async with database.snapshot() as session:
        assert await known(session) == {"n": 1}
    async with database.write() as other:  # the connection is one for writing again
        await artefacts.put(other, "l", "audio", {})


async def test_who_waits_for_a_connection_is_counted_and_told(database: Database) -> None:
    """With all connections in use a session waits until one is free, and after too long it is busy, not broken."""
    waits: list[tuple[str, float]] = []
    database.waited = lambda use, seconds: waits.append((use, seconds))
    async with AsyncExitStack() as others:
        for _ in range(database.connections().limit):
            await others.enter_async_context(database.read())
        waiting = asyncio.create_task(database.ping())
        await asyncio.sleep(0.3)
        await others.pop_all().aclose()
        await waiting
        use, longest = waits[-1]
        assert (len(waits), use) == (database.connections().limit + 1, "read")
        assert longest > 0.25
        for _ in range(database.connections().limit):
            await others.enter_async_context(database.read())
        database.engine.pool._timeout = 0.1  # type: ignore[attr-defined]
        with pytest.raises(BusyError, match="try again"):
            await database.ping()


async def test_migrations_make_exactly_the_tables_of_the_code(database: Database) -> None:
    """The migrated schema has every table and column that the code maps, on both databases."""
    async with database.engine.connect() as connection:
        columns = await connection.run_sync(
            lambda sync: {
                table: {column["name"]: column["nullable"] for column in inspect(sync).get_columns(table)}
                for table in Base.metadata.tables
            }
        )
    expected = {
        name: {column.name: column.nullable for column in table.columns} for name, table in Base.metadata.tables.items()
    }
    assert columns == expected


async def test_migrating_at_the_same_time_is_harmless(bare_database_url: str) -> None:
    """Several processes that start together all find a complete schema."""
    await asyncio.gather(*(migrate(bare_database_url) for _ in range(4)))
    database = open_database(bare_database_url)
    await database.ping()
    await database.close()


async def test_concurrent_read_modify_writes_lose_nothing(database: Database) -> None:
    """BEGIN IMMEDIATE on SQLite, and a row lock on PostgreSQL, keep every one of 50 increments."""
    async with database.write() as session:
        await artefacts.put(session, "k", "test", {"count": 0})

    async def increment() -> None:
        async with database.write() as session:
            lock = " FOR UPDATE" if database.dialect == "postgresql" else ""
            row = await session.scalar(text(f"SELECT kind FROM artefacts WHERE key = 'k'{lock}"))
            number = int(row.removeprefix("test") or 0) + 1
            await session.execute(text("UPDATE artefacts SET kind = :kind"), {"kind": f"test{number}"})

    await asyncio.gather(*(increment() for _ in range(50)))
    async with database.read() as session:
        assert await session.scalar(text("SELECT kind FROM artefacts")) == "test50"


async def test_a_failed_block_leaves_nothing(database: Database) -> None:
    """An error inside write() rolls everything back."""
    with pytest.raises(RuntimeError):
        async with database.write() as session:
            await artefacts.put(session, "k", "test", {})
            raise RuntimeError
    async with database.read() as session:
        assert await artefacts.get(session, "k") is None


async def test_who_is_cancelled_leaves_no_lock(database: Database) -> None:
    """Whenever a writer is cancelled, also between a statement and its rows, the next one can write at once."""
    async with database.write() as session:
        await artefacts.put(session, "k", "test", {})

    async def write() -> None:
        while True:
            async with database.write() as session:
                touched = await session.execute(text("UPDATE artefacts SET kind = kind RETURNING key"))
                assert touched.all() == [("k",)]

    for turn in range(60):
        writers = [asyncio.create_task(write()) for _ in range(4)]
        await asyncio.sleep(turn * 0.0005)
        for writer in writers:
            writer.cancel()
        await asyncio.wait(writers)
        async with asyncio.timeout(10), database.write() as session:
            await session.execute(text("UPDATE artefacts SET kind = kind"))


@pytest.mark.parametrize("value", ["a\x00b", "half a character: \ud835", 2**80])
async def test_what_no_database_can_hold_is_the_fault_of_who_sent_it(database: Database, value: str | int) -> None:
    """Compared or stored it is at most an error in the request, on both databases, and the connection goes on working."""
    read, write = text("SELECT 1 WHERE :value = 'x'"), text("INSERT INTO artefacts (key, kind) VALUES (:value, :value)")
    for use, statement in ((database.read, read), (database.write, write)):
        with suppress(InvalidError, IntegrityError):  # SQLite takes NUL, and then misses the other columns
            async with use() as session:
                await session.execute(statement, {"value": value})
        await database.ping()


async def test_the_first_artefact_wins(database: Database) -> None:
    """A second value for a known key is ignored, not an error."""
    for value in ({"n": 1}, {"n": 2}):
        async with database.write() as session:
            await artefacts.put(session, "k", "test", value)
    async with database.read() as session:
        assert await artefacts.get(session, "k") == {"n": 1}


async def test_followers_see_every_event_in_order_from_any_point(database: Database) -> None:
    """Concurrent writers, a reader from the start and one from the middle: nothing missed, nothing twice, in order."""
    feed = EventFeed(database, poll_seconds=0.02)

    async def write(writer: int) -> None:
        for n in range(10):
            async with database.write() as session:
                await events.append(session, "job:x", "tick", {"writer": writer, "n": n}, owner="local")

    async def read(after: int, count: int) -> list[events.Event]:
        seen = []
        async for event in feed.follow(after, "job:x"):
            if event is not None:
                seen.append(event)
            if len(seen) == count:
                break
        return seen

    async with asyncio.timeout(20):
        everything, *_ = await asyncio.gather(read(0, 40), *(write(w) for w in range(4)))
        rest = await read(everything[14].id, 25)
    assert [event.id for event in everything] == sorted({event.id for event in everything})
    for writer in range(4):
        assert [e.data["n"] for e in everything if e.data["writer"] == writer] == list(range(10))
    assert rest == everything[15:]
    await feed.close()


async def test_everything_means_one_owner_and_the_topics_asked_for(database: Database) -> None:
    """A follower of everything sees neither other people's events nor topics it did not ask for."""
    feed = EventFeed(database)
    for stream, owner in [("job:a", "me"), ("answer:a", "me"), ("media:a", "me"), ("job:b", "somebody")]:
        async with database.write() as session:
            await events.append(session, stream, "tick", {}, owner=owner)
    found = await feed.page(0, events.Everything("me", ("job", "media")))
    assert [event.stream for event in found] == ["job:a", "media:a"]


async def test_a_quiet_stream_gives_heartbeats(database: Database) -> None:
    """A follower hears None when nothing happens, so that the edge can notice a client that left."""
    feed = EventFeed(database, poll_seconds=0.02)
    async with asyncio.timeout(5):
        assert await anext(feed.follow(0, "job:quiet", idle_seconds=0.05)) is None
    await feed.close()


@pytest.mark.parametrize("url", ["mysql://host/x", "not a url"])
def test_a_wrong_url_names_the_setting(url: str) -> None:
    """The error says which setting to mend and never repeats the URL, which may hold a password."""
    with pytest.raises(ConfigurationError, match="DATABASE__URL") as error:
        open_database(url)
    assert url not in str(error.value)


async def test_an_unreachable_database_is_a_clear_error() -> None:
    """A refused connection becomes a StorageError without the address."""
    database = open_database("postgresql://nobody@127.0.0.1:9/none")
    with pytest.raises(StorageError, match="does not answer"):
        await database.ping()
    await database.close()


async def test_connections_are_counted(database: Database) -> None:
    """Those in use while a session is open, those that wait for the next one, and how many there may be."""
    async with database.read() as session:
        await session.execute(text("SELECT 1"))
        busy = database.connections()
    free = database.connections()
    assert (busy.used, free.used) == (1, 0)
    assert free.idle >= 1
    assert free.limit >= 10
