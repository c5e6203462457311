"""Following events across processes, which here are two databases' worth of connections."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from sqlalchemy import text

from videochat.store import events
from videochat.store.events import Event, Everything
from videochat.store.feed import EventFeed, latest
from videochat.store.migrate import migrate
from videochat.store.session import Database, open_database


@pytest.fixture
async def elsewhere(database: Database) -> AsyncIterator[Database]:
    """Give the same database as another process has it open."""
    other = open_database(database.engine.url.render_as_string(hide_password=False))
    yield other
    await other.close()


@pytest.fixture
async def feed(database: Database) -> AsyncIterator[EventFeed]:
    """Give a feed that looks often, and that no longer uses the database when that is closed."""
    opened = EventFeed(database, poll_seconds=0.02)
    yield opened
    await opened.close()


async def tell(database: Database, stream: str, n: int = 0, kind: str = "tick") -> None:
    async with database.write() as session:
        await events.append(session, stream, kind, {"n": n}, owner="me")


async def test_what_another_process_commits_arrives_soon(feed: EventFeed, elsewhere: Database) -> None:
    """On PostgreSQL a reader is told, on SQLite it looks several times a second: a fifth of a second at the most, typically."""
    delays = []
    async with asyncio.timeout(20), aclosing(feed.follow(0, "job:x")) as following:
        for n in range(10):
            await tell(elsewhere, "job:x", n)
            committed = time.perf_counter()
            event = await anext(following)
            assert event is not None
            assert event.data["n"] == n
            delays.append(time.perf_counter() - committed)
            await asyncio.sleep(0.05)
    assert sorted(delays)[5] < 0.2


async def test_a_reader_is_only_woken_by_what_concerns_it(feed: EventFeed, elsewhere: Database) -> None:
    """A hundred events of other streams cost a reader next to nothing: it only looks by itself every few seconds."""
    pages = 0
    ask = feed.page

    async def counted(after: int, source: events.Source) -> list[Event]:
        nonlocal pages
        pages += 1
        return await ask(after, source)

    feed.page = counted  # type: ignore[method-assign]
    async with asyncio.timeout(20), aclosing(feed.follow(0, "answer:mine")) as following:
        waiting = asyncio.ensure_future(anext(following))
        await asyncio.sleep(0.2)
        before = pages
        for n in range(100):
            await tell(elsewhere, "answer:other", n)
        await asyncio.sleep(0.2)
        await tell(elsewhere, "answer:mine")
        assert await waiting is not None
    assert pages - before <= 5


async def test_a_lost_connection_is_made_again(postgres_url: str) -> None:
    """When PostgreSQL ends the connection that listens, nothing is missed and the reader goes on."""
    await migrate(postgres_url)
    database = open_database(postgres_url)
    feed = EventFeed(database)
    async with asyncio.timeout(20), aclosing(feed.follow(0, "job:x")) as following:
        await tell(database, "job:x", 1)
        assert await anext(following) is not None
        async with database.engine.connect() as connection:
            await connection.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
            )
        await tell(database, "job:x", 2)
        event = await anext(following)
        assert event is not None
        assert event.data["n"] == 2
    await feed.close()
    await database.close()


async def test_who_follows_everything_gets_the_last_state_only(database: Database, feed: EventFeed) -> None:
    """A burst of a job's states reaches a reader as the last of them, and nothing that is no state is left out."""
    for n in range(50):
        await tell(database, "job:a", n, "job")
    await tell(database, "job:a", 0, "segments")
    await tell(database, "job:b", 0, "job")
    async with aclosing(feed.follow(0, Everything("me", ("job",)))) as following:
        seen = [await anext(following) for _ in range(3)]
    assert [(e.stream, e.type, e.data["n"]) for e in seen if e] == [
        ("job:a", "job", 49), ("job:a", "segments", 0), ("job:b", "job", 0),
    ]  # fmt: skip


async def test_who_closed_the_feed_may_close_the_database(database: Database) -> None:
    """Whatever the feed was just doing has ended by then; else it would wait for ever for a connection that is gone."""
    await tell(database, "job:x")
    async with asyncio.timeout(60):
        for _ in range(30):
            again = open_database(database.engine.url.render_as_string(hide_password=False))
            feed = EventFeed(again, poll_seconds=0)
            async with aclosing(feed.follow(0, "job:x")) as following:
                assert await anext(following) is not None
            await feed.close()
            assert not [task for task in asyncio.all_tasks() if task.get_name() == "event-feed"]
            await again.close()


def test_latest_keeps_the_order() -> None:
    """What is left keeps its order and its ids, so a reader can go on after any of them."""
    found = [Event(n, f"job:{n % 2}", "job" if n < 4 else "end", {}) for n in range(6)]
    assert [event.id for event in latest(found)] == [2, 3, 4, 5]
