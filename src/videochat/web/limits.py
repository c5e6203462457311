"""How often and how many at a time: rates shared through Redis where there is one, slots of this process."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

import structlog
from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, Storage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from videochat.errors import TooManyError

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Window:
    """How many requests there may be, how many are left, and in how many seconds that is over."""

    allowed: bool
    limit: int
    remaining: int
    reset: int

    @property
    def headers(self) -> dict[str, str]:
        """Return the fields of draft-ietf-httpapi-ratelimit-headers-06, which most clients know."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset),
        }


class Rates:
    """Counts requests in sliding windows: https://limits.readthedocs.io, "Sliding Window Counter"."""

    def __init__(self, storage: Storage | None = None) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(storage or MemoryStorage())

    async def hit(self, rate: str, *who: str) -> Window:
        """Count a request of somebody under a rate such as `30/minute`."""
        item = _parsed(rate)
        allowed = await self._limiter.hit(item, *who)
        stats = await self._limiter.get_window_stats(item, *who)
        seconds = max(1, round(stats.reset_time - time.time()))
        return Window(allowed, item.amount, max(0, stats.remaining), seconds)


class Slots:
    """Counts what somebody does at the same time in this process."""

    def __init__(self) -> None:
        self._taken: Counter[tuple[str, str]] = Counter()

    @contextmanager
    def one(self, kind: str, who: str, most: int) -> Iterator[None]:
        """Hold a slot. Raises TooManyError when all are taken."""
        key = (kind, who)
        if self._taken[key] >= most:
            raise TooManyError(
                f"There are {most} {kind} of yours open already.", code=f"too_many_{kind}", retry_after=5
            )
        self._taken[key] += 1
        try:
            yield
        finally:
            self._taken[key] -= 1
            if not self._taken[key]:
                del self._taken[key]


@lru_cache(maxsize=64)
def _parsed(rate: str) -> RateLimitItem:
    return parse(rate)
