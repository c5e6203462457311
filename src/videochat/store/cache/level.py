"""A level of the cache: something that keeps entries under keys for a while. Each level passes one contract suite."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Entry:
    """A value, until when it may be used (Unix time) and the tags whose change makes it worthless."""

    value: bytes
    until: float
    tags: tuple[str, ...] = ()

    @property
    def seconds_left(self) -> float:
        return self.until - time.time()


class Level(Protocol):
    """Keeps entries. A key begins with the name of its cache and a colon; a level may forget at any time, and never fails."""

    name: str

    async def get(self, key: str) -> Entry | None:
        """Return the entry, None when there is none or its time is over."""
        ...

    async def put(self, key: str, entry: Entry) -> None: ...

    async def drop(self, tags: Collection[str]) -> None:
        """Forget every entry with one of these tags."""
        ...

    async def ping(self) -> bool:
        """Say whether it can be reached."""
        ...

    async def close(self) -> None: ...


def cache_of(key: str) -> str:
    """Return the name of the cache that the key belongs to."""
    return key.partition(":")[0]
