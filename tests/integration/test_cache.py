"""The cache over real databases: one computation for all, nothing stale after a commit, whoever made it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, update

from videochat.errors import DatabaseUnavailableError, UnsupportedError
from videochat.ops.metrics import Metrics
from videochat.store import events
from videochat.store.cache import cache as caches
from videochat.store.cache import stamps
from videochat.store.cache.cache import Cache, Name
from videochat.store.cache.memory import MemoryLevel
from videochat.store.cache.redis import RedisLevel
from videochat.store.cache.stamps import library, recording, words
from videochat.store.session import Database, open_database
from videochat.store.tables import EventRow
from waiting import until

TTL = 60.0
OWNER = "me"


def cache_on(database: Database, *, ttl: float = TTL, shared: RedisLevel | None = None) -> tuple[Cache, Metrics]:
    metrics = Metrics()
    return Cache(database, MemoryLevel(10**7, 1000, metrics), shared, metrics, ttl), metrics


@pytest.fixture
async def cache(database: Database) -> AsyncIterator[Cache]:
    opened, _ = cache_on(database)
    yield opened
    await opened.close()


@pytest.fixture
async def elsewhere(database: Database) -> AsyncIterator[Database]:
    """Give the same database as another process has it open."""
    other = open_database(database.engine.url.render_as_string(hide_password=False))
    yield other
    await other.close()


class Counted:
    """A computation that says how often it was done."""

    def __init__(self, value: bytes = b"value", seconds: float = 0.0) -> None:
        self.times = 0
        self.value = value
        self._seconds = seconds

    async def __call__(self) -> bytes:
        self.times += 1
        await asyncio.sleep(self._seconds)
        return self.value


async def named(cache: Cache, *tags: stamps.Tag, owner: str = OWNER, inputs: str = "") -> Name:
    return await cache.name("test", owner, tags or [library(owner)], inputs)


async def tell(
    database: Database, stream: str, kind: str = "segments", *, owner: str = OWNER, action: str = "created"
) -> None:
    data = {"action": action} if kind == "media" else {"media_id": "med_1"}
    async with database.write() as session:
        await events.append(session, stream, kind, data, owner=owner)


def counts(metrics: Metrics, name: str) -> float:
    return sum(n for (n,) in metrics.totals()[f"videochat_cache_{name}"].values())


async def test_a_hundred_readers_cost_one_computation(cache: Cache) -> None:
    """Who comes while it is being computed gets the same value, and who comes later finds it."""
    make = Counted(seconds=0.05)

    async def read() -> bytes:
        return await cache.get(await named(cache), make)

    assert set(await asyncio.gather(*(read() for _ in range(100)))) == {b"value"}
    assert await read() == b"value"
    assert make.times == 1


async def test_an_error_reaches_all_and_is_not_kept(cache: Cache) -> None:
    """Everybody who waits is told why; the next one tries again."""
    tried = 0

    async def fail() -> bytes:
        nonlocal tried
        tried += 1
        await asyncio.sleep(0.05)
        raise UnsupportedError("no")

    name = await named(cache)
    outcomes = await asyncio.gather(*(cache.get(name, fail) for _ in range(20)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {UnsupportedError}
    assert tried == 1
    assert await cache.get(name, Counted()) == b"value"
    gc.collect()  # an error that nobody took note of would be reported now


async def test_who_leaves_does_not_take_the_value_from_others(cache: Cache) -> None:
    """The first reader's connection breaks while it is being computed; the second gets the value of the same computation."""
    make = Counted(seconds=0.1)
    name = await named(cache)
    first = asyncio.create_task(cache.get(name, make))
    second = asyncio.create_task(cache.get(name, make))
    await until(lambda: make.times == 1)
    first.cancel()
    assert await second == b"value"
    assert make.times == 1


async def test_what_is_wanted_is_made_anew_before_its_time_is_over(database: Database) -> None:
    """Near its end a value is still given at once, while one computation renews it for all."""
    cache, _ = cache_on(database, ttl=2.0)
    make = Counted()
    name = await named(cache)
    await cache.get(name, make)
    made = make.times

    async def renewed() -> bool:
        assert await cache.get(name, make) == b"value"
        return make.times > made

    took = await until(renewed)
    assert took > 1.0  # not before the last part of its life
    await cache.close()


@pytest.mark.parametrize(
    ("stream", "kind", "changed"),
    [
        ("media:med_1", "media", {"library", "words", "recording"}),
        ("media:med_1", "renamed", {"library", "words"}),
        ("job:job_1", "segments", {"library", "words", "recording"}),
        ("job:job_1", "end", {"library", "words", "recording"}),
        ("job:job_1", "job", {"library"}),
        ("answer:ans_1", "text", set()),
    ],
)
async def test_each_event_changes_what_it_tells_of(
    cache: Cache, elsewhere: Database, stream: str, kind: str, changed: set[str]
) -> None:
    """How far a job is changes no words, nor does a new name what was said; an answer and another recording are not concerned."""
    tags = {tag.kind: tag for tag in (library(OWNER), words(OWNER), recording("med_1"))}
    before = {kind: await named(cache, tag) for kind, tag in tags.items()}
    others = [await named(cache, tag) for tag in (recording("med_2"), words("you"), library("you"))]
    if kind == "renamed":
        await tell(elsewhere, stream, "media", action=kind)
    else:
        await tell(elsewhere, stream, kind)
    assert {kind for kind, tag in tags.items() if await named(cache, tag) != before[kind]} == changed
    assert [await named(cache, tag) for tag in (recording("med_2"), words("you"), library("you"))] == others


async def test_nothing_is_stale_after_a_commit_of_another_process(cache: Cache, elsewhere: Database) -> None:
    """Whoever asks after the commit gets a value computed after it, each of a hundred times."""
    for n in range(100):
        value = str(n).encode()
        await tell(elsewhere, "media:med_1", "media")
        assert await cache.get(await named(cache, words(OWNER)), Counted(value)) == value


async def test_nothing_is_stale_while_many_ask_and_others_write(cache: Cache, elsewhere: Database) -> None:
    """Readers that run all the time never see less than what was committed before they asked."""
    committed = 0

    async def now() -> bytes:
        return str(committed).encode()

    async def read() -> None:
        for _ in range(40):
            least = committed
            found = int(await cache.get(await named(cache), now))
            assert found >= least

    async def write() -> None:
        nonlocal committed
        for _ in range(30):
            await tell(elsewhere, "job:job_1", "job")
            committed += 1
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        group.create_task(write())
        for _ in range(8):
            group.create_task(read())


async def test_after_more_than_is_looked_through_everything_counts_as_changed(
    cache: Cache, elsewhere: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that slept over many events need not read them all to be right."""
    monkeypatch.setattr(stamps, "PAGE", 3)
    make = Counted()
    await cache.get(await named(cache), make)
    for n in range(8):
        await tell(elsewhere, f"job:job_{n}", "job")
    await cache.get(await named(cache), make)
    await cache.get(await named(cache), make)
    assert make.times == 2
    before = await named(cache)
    await tell(elsewhere, "job:job_1", "job")
    assert await named(cache) != before


async def test_another_owner_is_never_given_the_value(cache: Cache) -> None:
    """The same question about the same thing has another name for each owner."""
    mine, yours = Counted(b"mine"), Counted(b"yours")
    tag = recording("med_1")
    assert await cache.get(await named(cache, tag, owner="me"), mine) == b"mine"
    assert await cache.get(await named(cache, tag, owner="you"), yours) == b"yours"
    assert await cache.get(await named(cache, tag, owner="me"), mine) == b"mine"


async def test_names_are_the_same_in_every_process(cache: Cache, elsewhere: Database) -> None:
    """What one found out a while ago and another looks up now is one name, so that they share values and validators."""
    await tell(elsewhere, "job:job_1")
    await tell(elsewhere, "media:med_1", "media", action="deleted")
    await tell(elsewhere, "media:med_1", "media", action="renamed")
    tags = (library(OWNER), words(OWNER), recording("med_1"))
    early = [await named(cache, tag) for tag in tags]
    await tell(elsewhere, "media:med_2", "media", owner="you")
    await tell(elsewhere, "answer:ans_1", "text")
    other, _ = cache_on(elsewhere)
    assert [await named(other, tag) for tag in tags] == early
    await other.close()


async def test_an_older_state_of_the_database_gives_other_names(cache: Cache, database: Database) -> None:
    """After a restore ids are given out a second time, and mean something else."""
    await tell(database, "media:med_1", "media")
    before = await named(cache)
    async with database.write() as session:
        earlier = datetime.now(UTC) - timedelta(hours=1)
        await session.execute(update(EventRow).values(at=earlier))
    restored, _ = cache_on(database)
    assert await named(restored) != before
    await restored.close()


async def test_what_nothing_was_ever_heard_of_has_a_name_of_this_process_alone(
    cache: Cache, elsewhere: Database
) -> None:
    """Without an event nobody can say that two processes see the same, so they share nothing."""
    other, _ = cache_on(elsewhere)
    assert await named(cache) != await named(other)
    assert await named(cache) == await named(cache)
    await other.close()


async def test_without_the_database_nothing_is_taken_for_true(cache: Cache, database: Database) -> None:
    """Everybody who asks meanwhile is told why; later there are names again, and what was kept is found."""
    make = Counted()
    await tell(database, "job:job_1")
    await cache.get(await named(cache), make)
    broken = open_database("postgresql://nobody@127.0.0.1:1/none")
    cache._stamps._database, cache._stamps._counted = broken, None
    outcomes = await asyncio.gather(*(named(cache) for _ in range(10)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {DatabaseUnavailableError}
    cache._stamps._database = database
    assert await cache.get(await named(cache), make) == b"value"
    assert make.times == 1
    await broken.close()


async def test_what_was_changed_by_others_is_forgotten_without_being_asked_for(
    database: Database, elsewhere: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recording that another process deleted does not stay in the memory of this one."""
    monkeypatch.setattr(caches, "SWEEP_SECONDS", 0.05)
    cache, metrics = cache_on(database)
    await cache.get(await named(cache, recording("med_1")), Counted())
    assert counts(metrics, "entries") == 1
    await tell(elsewhere, "media:med_1", "media")
    await until(lambda: counts(metrics, "entries") == 0)
    assert counts(metrics, "evictions") == 1
    await cache.close()


async def test_what_is_over_is_forgotten_without_being_asked_for(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A value whose time is over leaves memory by itself, and counts as expired."""
    monkeypatch.setattr(caches, "SWEEP_SECONDS", 0.05)
    cache, metrics = cache_on(database, ttl=0.5)
    await cache.get(await named(cache), Counted())
    assert counts(metrics, "entries") == 1
    await until(lambda: counts(metrics, "entries") == 0)
    assert metrics.totals()["videochat_cache_evictions"] == {("test", "memory", "expired"): (1.0,)}
    assert counts(metrics, "bytes") == 0
    await cache.close()


async def test_old_events_may_be_pruned(cache: Cache, database: Database) -> None:
    """Names hold while the events that gave them are removed, and change with the next one."""
    await tell(database, "media:med_1", "media")
    before = await named(cache)
    async with database.write() as session:
        await session.execute(delete(EventRow))
    assert await named(cache) == before
    await tell(database, "media:med_1", "media")
    assert await named(cache) != before


async def test_closing_leaves_nothing_behind(database: Database) -> None:
    """Whatever was under way has ended, and who waits is not left waiting."""
    cache, _ = cache_on(database)
    never: Callable[[], Awaitable[bytes]] = Counted(seconds=3600)
    waiting = asyncio.create_task(cache.get(await named(cache), never))
    await asyncio.sleep(0)
    await cache.close()
    assert (await asyncio.gather(waiting, return_exceptions=True))[0].__class__ is asyncio.CancelledError
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("cache")]
