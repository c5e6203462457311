"""Slots that web processes count together, in a Redis that may go away, and that outlive no process for long."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from redis_server import RedisServer
from videochat.errors import TooManyError
from videochat.web import leases
from videochat.web.slots import Slots
from waiting import until

HOLDER = """
import asyncio, sys
from videochat.web import leases
from videochat.web.slots import Slots

async def hold():
    leases.TIMEOUT_SECONDS = 10
    async with Slots(sys.argv[1]).one("uploads", "anna", 1):
        print("held", flush=True)
        await asyncio.sleep(600)

leases.LEASE_SECONDS = 1.0
asyncio.run(hold())
"""


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a Redis on a busy machine, and look again soon."""
    monkeypatch.setattr(leases, "TIMEOUT_SECONDS", 10)
    monkeypatch.setattr(leases, "AWAY_SECONDS", 0.2)


@asynccontextmanager
async def two(server: RedisServer) -> AsyncIterator[tuple[Slots, Slots]]:
    one, other = Slots(server.url), Slots(server.url)
    try:
        yield one, other
    finally:
        for each in (one, other):
            await each.close()


async def has_room(of: Slots, most: int = 1) -> bool:
    try:
        async with of.one("uploads", "anna", most):
            return True
    except TooManyError:
        return False


async def test_processes_count_together(redis_server: RedisServer) -> None:
    """What one holds the other does not give again, until it is given back; another person's and another kind are apart."""
    async with two(redis_server) as (one, other):
        async with one.one("uploads", "anna", 1):
            assert not await has_room(other)
            assert await has_room(other, most=2)
            async with other.one("uploads", "ben", 1), other.one("streams", "anna", 1):
                pass
        assert await has_room(other)
        assert redis_server.keys() == []


async def test_what_is_held_is_renewed(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream may last longer than a lease; even a Redis that forgot everything hears of it again."""
    monkeypatch.setattr(leases, "LEASE_SECONDS", 0.6)
    async with two(redis_server) as (one, other), one.one("uploads", "anna", 1):
        with redis_server.client() as client:
            key = "videochat:slots:uploads:anna"
            ((lease, first),) = client.zrange(key, 0, -1, withscores=True)  # type: ignore[misc]
            await until(lambda: (client.zscore(key, lease) or 0) > first + 600)  # type: ignore[operator]
            client.flushall()
            await until(lambda: client.zscore(key, lease) is not None)

        async def shut() -> bool:
            return not await has_room(other)

        await until(shut)


async def test_what_a_killed_process_held_is_free_again(redis_server: RedisServer) -> None:
    """It renews nothing any more."""
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, redis_server.url, stdout=asyncio.subprocess.PIPE
    )
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"held\n"
    async with two(redis_server) as (one, _):
        assert not await has_room(one)
        holder.kill()
        await holder.wait()

        async def free() -> bool:
            return await has_room(one)

        await until(free)


async def test_without_the_redis_each_counts_for_itself(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silent or dead, it keeps nobody out and lets nobody have more than one process allows."""
    monkeypatch.setattr(leases, "TIMEOUT_SECONDS", 0.1)
    async with two(redis_server) as (one, other):
        redis_server.freeze()
        async with asyncio.timeout(5), one.one("uploads", "anna", 1):
            assert not await has_room(one)
            assert await has_room(other)
        redis_server.kill()
        async with asyncio.timeout(5), one.one("uploads", "anna", 1):
            assert not await has_room(one)
            assert await has_room(other)
