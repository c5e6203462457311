"""What every level of the cache keeps to: the one in memory and the one in a Redis."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest

from videochat.ops.metrics import Metrics
from videochat.store.cache.level import Entry, Level
from videochat.store.cache.memory import MemoryLevel
from videochat.store.cache.redis import RedisLevel
from waiting import until

TTL = 60.0


@pytest.fixture(params=["memory", "redis"])
async def level(request: pytest.FixtureRequest) -> AsyncIterator[Level]:
    if request.param == "memory":
        opened: Level = MemoryLevel(10_000_000, 1000, Metrics())
    else:
        # A busy machine is no reason to do without in these tests.
        opened = RedisLevel(request.getfixturevalue("redis_server").url, Metrics(), TTL, timeout=10)
    yield opened
    await opened.close()


def entry(value: bytes, *tags: str, seconds: float = TTL) -> Entry:
    return Entry(value, time.time() + seconds, tags)


@pytest.mark.parametrize("value", [b"", b"{}", "大学\n\n".encode(), bytes(range(256)) * 1000])
async def test_what_is_put_is_found(level: Level, value: bytes) -> None:
    """Every byte comes back, with the tags and the time until when it may be used."""
    put = entry(value, "words:me", "recording:med_1")
    await level.put("search:1", put)
    assert await level.get("search:1") == put


async def test_a_level_that_works_can_be_reached(level: Level) -> None:
    """Whoever asks how the service is hears so."""
    assert await level.ping()


async def test_what_was_never_put_is_not_found(level: Level) -> None:
    """Another key is another value."""
    await level.put("search:1", entry(b"x"))
    assert await level.get("search:2") is None


async def test_what_is_put_again_replaces(level: Level) -> None:
    """The last value counts, and its tags."""
    await level.put("search:1", entry(b"old", "a"))
    await level.put("search:1", entry(b"new", "b"))
    found = await level.get("search:1")
    assert found is not None
    assert found.value == b"new"
    await level.drop(["b"])
    assert await level.get("search:1") is None


async def test_what_is_over_is_not_found(level: Level) -> None:
    """Neither what was put too late, nor what was good a moment ago."""
    await level.put("search:1", entry(b"late", seconds=-1))
    assert await level.get("search:1") is None
    await level.put("search:2", entry(b"brief", seconds=0.2))

    async def gone() -> bool:
        return await level.get("search:2") is None

    await until(gone)


async def test_a_tag_drops_what_has_it_and_nothing_else(level: Level) -> None:
    """One of several tags is enough; a tag that nothing has drops nothing."""
    await level.put("search:1", entry(b"1", "words:me"))
    await level.put("export:2", entry(b"2", "words:me", "recording:a"))
    await level.put("export:3", entry(b"3", "recording:b"))
    await level.drop(["recording:a", "recording:unknown"])
    assert await level.get("export:2") is None
    assert await level.get("search:1") is not None
    await level.drop(["words:me"])
    assert await level.get("search:1") is None
    assert await level.get("export:3") is not None
    await level.drop([])
    assert await level.get("export:3") is not None
