"""How often: rates, shared through a Redis where there is one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import structlog
from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import StorageError

log = structlog.get_logger(__name__)

TIMEOUT_SECONDS = 0.1
AWAY_SECONDS = 5.0


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
    """Counts requests in sliding windows: https://limits.readthedocs.io, "Sliding Window Counter".

    With a Redis all web processes count together; while it is away each counts for itself, so that nobody is kept waiting.
    """

    def __init__(self, redis: str | None = None) -> None:
        self._own = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._redis = None if redis is None else _storage(redis)
        self._shared = None if self._redis is None else SlidingWindowCounterRateLimiter(self._redis)
        self._away_until = 0.0

    async def hit(self, rate: str, *who: str, times: int = 1) -> Window:
        """Count a request of somebody under a rate such as `30/minute`, or some times that."""
        item = _parsed(rate, times)
        if self._shared is not None and time.monotonic() >= self._away_until:
            try:
                return await _hit(self._shared, item, who)
            except StorageError as error:
                self._away_until = time.monotonic() + AWAY_SECONDS
                log.warning("limits.redis_away", error=str(error.storage_error))
        return await _hit(self._own, item, who)

    async def close(self) -> None:
        """Let go of the Redis."""
        if self._redis is not None:
            await cast("Any", self._redis.bridge).storage.aclose()  # the library has no way of its own


def _storage(redis: str) -> RedisStorage:
    return RedisStorage(
        f"async+{redis}", wrap_exceptions=True, implementation="redispy", key_prefix="videochat:limits",
        socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS,
    )  # fmt: skip


async def _hit(limiter: SlidingWindowCounterRateLimiter, item: RateLimitItem, who: tuple[str, ...]) -> Window:
    allowed = await limiter.hit(item, *who)
    stats = await limiter.get_window_stats(item, *who)
    seconds = max(1, round(stats.reset_time - time.time()))
    return Window(allowed, item.amount, max(0, stats.remaining), seconds)


@lru_cache(maxsize=64)
def _parsed(rate: str, times: int) -> RateLimitItem:
    one = parse(rate)
    return type(one)(one.amount * times, one.multiples)
