"""How much at a time: slots are counted by each process, and where there is a Redis by all together."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING

from videochat.errors import TooManyError

if TYPE_CHECKING:
    from videochat.web.leases import Leases


class Slots:
    """Counts what somebody does at the same time. While the Redis is away each process counts for itself."""

    def __init__(self, redis: str | None = None) -> None:
        self._taken: Counter[str] = Counter()
        # Where there is none, what talks to it need not be loaded.
        self._leases: Leases | None = None if redis is None else import_module("videochat.web.leases").Leases(redis)

    @asynccontextmanager
    async def one(self, kind: str, who: str, most: int) -> AsyncIterator[None]:
        """Hold a slot. Raises TooManyError when all are taken."""
        key = f"{kind}:{who}"
        self._taken[key] += 1
        lease = None
        try:
            if self._taken[key] > most:
                raise _full(kind, most)
            if self._leases is not None and (lease := await self._leases.take(key, most)) is None:
                raise _full(kind, most)
            yield
        finally:
            self._taken[key] -= 1
            if not self._taken[key]:
                del self._taken[key]
            if self._leases is not None and lease is not None:
                await self._leases.give_back(lease)

    async def close(self) -> None:
        """Let go of the Redis."""
        if self._leases is not None:
            await self._leases.close()


def _full(kind: str, most: int) -> TooManyError:
    return TooManyError(f"There are {most} {kind} of yours open already.", code=f"too_many_{kind}", retry_after=5)
