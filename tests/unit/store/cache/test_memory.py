"""The level in memory never holds more than it may, and counts what it holds."""

from __future__ import annotations

import time

import pytest

from videochat.ops.metrics import Metrics
from videochat.store.cache import level as levels
from videochat.store.cache.level import Entry
from videochat.store.cache.memory import OVERHEAD, MemoryLevel

NOW = 1_000_000.0


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def entry(size: int, *tags: str, seconds: float = 60) -> Entry:
    return Entry(b"x" * size, time.time() + seconds, tags)


def gauge(metrics: Metrics, name: str) -> dict[str, float]:
    return {labels[0]: value for labels, (value,) in metrics.totals()[f"videochat_cache_{name}"].items()}


def evictions(metrics: Metrics) -> dict[tuple[str, ...], float]:
    return {labels: n for labels, (n,) in metrics.totals()["videochat_cache_evictions"].items()}


async def test_entries_are_bounded_and_the_least_recently_used_goes(metrics: Metrics) -> None:
    """Looking at an entry keeps it; the one that nobody looked at is evicted, and counted for its cache."""
    level = MemoryLevel(10**9, 2, metrics)
    await level.put("a:1", entry(10))
    await level.put("b:2", entry(10))
    assert level.look("a:1") is not None
    await level.put("a:3", entry(10))
    assert (level.look("b:2"), len(level)) == (None, 2)
    assert evictions(metrics) == {("b", "memory", "full"): 1}
    assert gauge(metrics, "entries") == {"a": 2, "b": 0}


async def test_bytes_are_bounded(metrics: Metrics) -> None:
    """Many small or few large values: the sum stays below, and what is larger than all of it is not kept at all."""
    level = MemoryLevel(100_000, 10**6, metrics)
    for n in range(100):
        await level.put(f"a:{n}", entry(n * 100))
        assert level.bytes <= 100_000
    held = len(level)
    await level.put("a:huge", entry(100_001))
    assert (level.look("a:huge"), len(level)) == (None, held)
    assert gauge(metrics, "bytes") == {"a": level.bytes}
    await level.close()
    assert (level.bytes, gauge(metrics, "bytes")) == (0, {"a": 0})


async def test_a_value_that_replaces_a_larger_one_counts_by_itself(metrics: Metrics) -> None:
    """Sizes never drift away from what is held, whatever is replaced or dropped."""
    level = MemoryLevel(10**9, 10, metrics)
    await level.put("a:1", entry(5000, "t"))
    await level.put("a:1", entry(10))
    assert level.bytes == len("a:1") + 10 + OVERHEAD
    await level.drop(["t"])
    assert len(level) == 1


async def test_nothing_fits_into_nothing(metrics: Metrics) -> None:
    """Bounds of zero turn the level off."""
    for level in (MemoryLevel(0, 10, metrics), MemoryLevel(10**6, 0, metrics)):
        await level.put("a:1", entry(1))
        assert (level.look("a:1"), len(level), level.bytes) == (None, 0, 0)


async def test_a_sweep_forgets_what_is_over(metrics: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to ask for it; what is still good stays, and no trace of the tags is left."""
    level = MemoryLevel(10**9, 10, metrics)
    monkeypatch.setattr(levels.time, "time", lambda: NOW)
    await level.put("a:1", entry(10, "t", seconds=5))
    await level.put("a:2", entry(10, "t", seconds=50))
    monkeypatch.setattr(levels.time, "time", lambda: NOW + 10)
    assert (level.sweep(), len(level)) == (1, 1)
    monkeypatch.setattr(levels.time, "time", lambda: NOW + 100)
    assert (level.sweep(), len(level), level._keys_of) == (1, 0, {})
    assert evictions(metrics) == {("a", "memory", "expired"): 2}
