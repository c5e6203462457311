"""The first level: this process's memory. The least recently used goes first when bytes or entries become too many."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from typing import Literal

from videochat.ops.metrics import Metrics
from videochat.store.cache.level import Entry, cache_of

# What Python and the two indexes need beside key and value, measured for small entries with one tag.
OVERHEAD = 700

Reason = Literal["full", "expired", "changed"]


class MemoryLevel:
    """A bounded level in this process; entries of whatever cache compete for the same room."""

    name = "memory"

    def __init__(self, max_bytes: int, max_entries: int, metrics: Metrics) -> None:
        self._max_bytes = max_bytes
        self._max_entries = max_entries
        self._metrics = metrics
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._keys_of: dict[str, set[str]] = {}
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    async def get(self, key: str) -> Entry | None:
        return self.look(key)

    def look(self, key: str) -> Entry | None:
        """Return the entry, as `get`, without a detour over the event loop."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.seconds_left <= 0:
            self._remove(key, "expired")
            return None
        self._entries.move_to_end(key)
        return entry

    async def put(self, key: str, entry: Entry) -> None:
        """Keep the entry; what is larger than the whole level is not kept."""
        if key in self._entries:
            self._take_out(key)
        if _size(key, entry) > self._max_bytes:
            return
        self._entries[key] = entry
        for tag in entry.tags:
            self._keys_of.setdefault(tag, set()).add(key)
        self._count(key, entry, 1)
        while self.bytes > self._max_bytes or len(self._entries) > self._max_entries:
            self._remove(next(iter(self._entries)), "full")

    async def drop(self, tags: Collection[str]) -> None:
        for tag in tags:
            for key in tuple(self._keys_of.get(tag, ())):
                self._remove(key, "changed")

    def drop_all(self) -> None:
        """Forget everything."""
        for key in tuple(self._entries):
            self._remove(key, "changed")

    def sweep(self) -> int:
        """Forget what nobody may use any more, and return how many entries that were."""
        over = [key for key, entry in self._entries.items() if entry.seconds_left <= 0]
        for key in over:
            self._remove(key, "expired")
        return len(over)

    async def ping(self) -> bool:
        return True

    async def close(self) -> None:
        self.drop_all()

    def _remove(self, key: str, reason: Reason) -> None:
        self._take_out(key)
        self._metrics.cache_evictions.labels(cache_of(key), self.name, reason).inc()

    def _take_out(self, key: str) -> None:
        entry = self._entries.pop(key)
        for tag in entry.tags:
            keys = self._keys_of[tag]
            keys.discard(key)
            if not keys:
                del self._keys_of[tag]
        self._count(key, entry, -1)

    def _count(self, key: str, entry: Entry, sign: Literal[1, -1]) -> None:
        size = sign * _size(key, entry)
        self.bytes += size
        self._metrics.cache_bytes.labels(cache_of(key), self.name).inc(size)
        self._metrics.cache_entries.labels(cache_of(key), self.name).inc(sign)


def _size(key: str, entry: Entry) -> int:
    return len(key) + len(entry.value) + sum(map(len, entry.tags)) + OVERHEAD
