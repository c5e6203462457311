"""A Redis that is away, dies, hangs, is full or holds nonsense: slower, never wrong, never down."""

from __future__ import annotations

import asyncio
import pickle
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from redis_server import RedisServer
from videochat.errors import ConfigurationError
from videochat.ops.metrics import Metrics
from videochat.store import events
from videochat.store.cache import redis as redis_level
from videochat.store.cache.cache import Cache, Name
from videochat.store.cache.level import Entry
from videochat.store.cache.memory import MemoryLevel
from videochat.store.cache.redis import MOST_SLOW, RedisLevel
from videochat.store.cache.stamps import recording
from videochat.store.migrate import migrate
from videochat.store.session import Database, open_database
from waiting import until

TTL = 60.0
MEDIA = recording("med_1")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite:///{tmp_path / 'videochat.db'}"
    await migrate(url)
    opened = open_database(url)
    await tell(opened)
    yield opened
    await opened.close()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again after a moment instead of after seconds."""
    monkeypatch.setattr(redis_level, "RETRY_SECONDS", 0.2)


class Process:
    """What one web process has of the cache."""

    def __init__(self, database: Database, url: str, *, timeout: float = 10) -> None:
        self.metrics = Metrics()
        self.level = RedisLevel(url, self.metrics, TTL, timeout=timeout)
        # Without memory everything is asked of the Redis.
        self.cache = Cache(database, MemoryLevel(0, 0, self.metrics), self.level, self.metrics, TTL)
        self.made = 0

    async def read(self, inputs: str = "", value: bytes = b"value") -> bytes:
        name = await self.name(inputs)

        async def make() -> bytes:
            self.made += 1
            return value

        return await self.cache.get(name, make)

    async def name(self, inputs: str = "") -> Name:
        return await self.cache.name("test", "me", [MEDIA], inputs)

    def count(self, name: str, *labels: str) -> float:
        return self.metrics.totals()[f"videochat_cache_{name}"].get(labels, (0,))[0]


async def tell(database: Database) -> None:
    async with database.write() as session:
        await events.append(session, "media:med_1", "media", {}, owner="me")


async def test_processes_share_what_one_has_made(database: Database, redis_server: RedisServer) -> None:
    """The second process finds it without computing; after a change both see the new value and the old one is dropped."""
    one, other = (Process(database, redis_server.url) for _ in range(2))
    assert await one.read() == b"value"
    await until(lambda: len(redis_server.keys()) == 2)  # the value and its tag's keys
    assert (await other.read(), other.made) == (b"value", 0)
    assert other.count("hits", "test", "redis") == 1
    old = {*redis_server.keys()}
    await tell(database)
    assert await other.read(value=b"new") == b"new"
    await until(lambda: not old & {*redis_server.keys()})
    await until(lambda: len(redis_server.keys()) == 2)
    assert (await one.read(), one.made) == (b"new", 1)
    for process in (one, other):
        await process.cache.close()


async def test_looks_count_by_level(database: Database, redis_server: RedisServer) -> None:
    """What was never made misses in memory and in the Redis, what only the Redis has misses in memory and hits there."""

    def looks(level: str) -> tuple[float, float]:
        return process.count("hits", "test", level), process.count("misses", "test", level)

    process = Process(database, redis_server.url)
    await process.read()
    assert (looks("memory"), looks("redis")) == ((0, 1), (0, 1))
    await until(lambda: len(redis_server.keys()) == 2)
    await process.read()
    assert (looks("memory"), looks("redis")) == ((0, 2), (1, 1))
    await process.cache.close()


async def test_a_redis_that_is_not_there_costs_nothing_but_its_help(database: Database, tmp_path: Path) -> None:
    """Everything is computed, the log says it once, and nobody waits a second time before it is tried again."""
    process = Process(database, RedisServer(tmp_path).url)
    with capture_logs() as said:
        for _ in range(20):
            assert await process.read() == b"value"
    assert process.made == 20
    assert [line["event"] for line in said if line["log_level"] == "warning"] == ["cache.failed"]
    assert (process.count("failures", "redis", "away"), process.count("away", "redis")) == (1, 1)
    await process.cache.close()


async def test_it_may_die_and_come_back_while_people_read(
    database: Database, redis_server: RedisServer, soon: None
) -> None:
    """Readers that never stop get the right value each time, and after the restart the Redis is used again."""
    process = Process(database, redis_server.url, timeout=0.5)
    over = asyncio.Event()

    async def read_on() -> None:
        n = 0
        while not over.is_set():
            n += 1
            assert await process.read(f"{n % 10}", b"%d" % (n % 10)) == b"%d" % (n % 10)

    readers = [asyncio.create_task(read_on()) for _ in range(3)]
    await until(lambda: process.count("hits", "test", "redis") > 10)
    for _ in range(2):
        await asyncio.to_thread(redis_server.kill)
        await until(lambda: process.count("away", "redis") == 1)
        await asyncio.to_thread(redis_server.start)
        await until(lambda: process.count("away", "redis") == 0)
        hits = process.count("hits", "test", "redis")
        await until(lambda before=hits: process.count("hits", "test", "redis") > before + 10)  # type: ignore[misc]
    over.set()
    await asyncio.gather(*readers)
    await process.cache.close()


async def test_one_that_hangs_delays_three_requests(database: Database, redis_server: RedisServer) -> None:
    """It accepts and says nothing: a hundred requests together wait for it about as long as three."""
    process = Process(database, redis_server.url, timeout=0.1)
    await process.read()
    redis_server.freeze()
    began = time.monotonic()
    for n in range(100):
        assert await process.read(f"{n}") == b"value"
    assert time.monotonic() - began < 5.0  # 10 if each waited; a busy machine may take some for itself
    assert MOST_SLOW <= process.count("failures", "redis", "slow") < MOST_SLOW + 10  # one that is late for each of them
    assert process.count("away", "redis") == 1
    redis_server.thaw()
    await process.cache.close()


async def test_one_that_is_full_is_still_read(database: Database, redis_server: RedisServer) -> None:
    """What it holds is found, what it refuses is counted, and it does not count as away."""
    process = Process(database, redis_server.url)
    await process.read("kept")
    await until(lambda: len(redis_server.keys()) == 2)
    with redis_server.client() as client:
        client.config_set("maxmemory", 1)
    assert await process.read("refused") == b"value"
    await until(lambda: process.count("unwritten", "test", "redis") == 1)
    assert process.count("failures", "redis", "refused") == 1
    made = process.made
    assert (await process.read("kept"), process.made) == (b"value", made)
    assert process.count("away", "redis") == 0
    await process.cache.close()


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize(
    "planted", [b"", b"nonsense", b'{"until": 1e12}\nx', b'["until"]\nx', b"\xff\xfe\n", b"null\nx"]
)
async def test_what_we_cannot_have_written_is_not_there(
    database: Database, redis_server: RedisServer, planted: bytes
) -> None:
    """Nonsense under our key is replaced by what is right."""
    process = Process(database, redis_server.url)
    with redis_server.client() as client:
        client.set(process.level._at((await process.name()).key), planted)
    assert (await process.read(), process.made) == (b"value", 1)
    await process.cache.close()


async def test_nothing_that_lies_in_it_is_ever_run(
    database: Database, redis_server: RedisServer, tmp_path: Path
) -> None:
    """Who can write to the Redis cannot make us run anything: a pickle is bytes like any others."""
    process = Process(database, redis_server.url)
    key = process.level._at((await process.name()).key)
    with redis_server.client() as client:
        client.set(key, pickle.dumps(Trap(tmp_path / "sprung")))
    assert await process.read() == b"value"
    assert not (tmp_path / "sprung").exists()
    await process.cache.close()


async def test_everything_in_it_ends_by_itself(redis_server: RedisServer) -> None:
    """Values and the sets of their keys have a time to live, so that nobody has to clean up after us."""
    level = RedisLevel(redis_server.url, Metrics(), TTL, timeout=10)
    for n in range(3):
        await level.put(f"test:{n}", Entry(b"x", time.time() + TTL, ("a", "b")))
    with redis_server.client() as client:
        lives = {key: client.ttl(key) for key in client.scan_iter()}
    assert len(lives) == 5
    assert all(0 < seconds <= 2 * TTL + 1 for seconds in lives.values())
    await level.close()


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "nonsense", "redis://127.0.0.1:port"])
def test_an_address_that_is_none_is_refused_at_the_start(url: str) -> None:
    """A typing error is no outage that one waits for."""
    with pytest.raises(ConfigurationError, match="CACHE__URL"):
        RedisLevel(url, Metrics(), TTL)
