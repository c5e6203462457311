"""Rates that web processes count together, in a Redis that may go away."""

from __future__ import annotations

import asyncio

import pytest

from redis_server import RedisServer
from videochat.web import limits
from videochat.web.limits import Rates
from waiting import until


async def test_processes_count_together(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one of them let in counts for the other."""
    monkeypatch.setattr(limits, "TIMEOUT_SECONDS", 10)
    one, other = Rates(redis_server.url), Rates(redis_server.url)
    windows = [await rates.hit("3/hour", "read", "anna") for rates in (one, other, one, other)]
    assert [window.allowed for window in windows] == [True, True, True, False]
    assert [window.remaining for window in windows] == [2, 1, 0, 0]
    assert (await other.hit("3/hour", "read", "ben")).allowed
    for rates in (one, other):
        await rates.close()


async def test_without_the_redis_each_counts_for_itself(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dead or silent, it keeps nobody waiting and lets nobody have more than one process allows; back, it counts again."""
    monkeypatch.setattr(limits, "AWAY_SECONDS", 0.5)
    rates, other = Rates(redis_server.url), Rates(redis_server.url)
    assert (await rates.hit("2/hour", "read", "anna")).allowed
    redis_server.freeze()
    async with asyncio.timeout(5):
        windows = [await rates.hit("2/hour", "ask", "anna") for _ in range(3)]
    assert [window.allowed for window in windows] == [True, True, False]
    redis_server.thaw()

    async def together() -> bool:
        before = await rates.hit("1000/hour", "write", "anna")
        return (await other.hit("1000/hour", "write", "anna")).remaining == before.remaining - 1

    await until(together)
    redis_server.kill()
    async with asyncio.timeout(5):
        assert (await rates.hit("2/hour", "enter", "anna")).allowed
        for each in (rates, other):
            await each.close()
