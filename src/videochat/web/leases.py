"""What a process holds of something that there is only so much of, in a Redis that all processes share."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Any, cast

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from videochat.ops.tasks import cancelled

log = structlog.get_logger(__name__)

TIMEOUT_SECONDS = 0.1
AWAY_SECONDS = 5.0
LEASE_SECONDS = 30.0  # after so long what a killed process held is free again
UNBOUNDED = 10**9

# By the clock of the Redis, because those of machines differ. Who holds the lease already keeps it.
HOLD = """
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ms)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], ms + ARGV[3], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
"""


class Leases:
    """What this process holds in a Redis, renewed for as long as it lives and holds it."""

    def __init__(self, redis: str) -> None:
        self._redis = Redis.from_url(
            redis, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS, retry=Retry(NoBackoff(), 0)
        )
        self._held: dict[str, str] = {}  # lease → what of
        self._renewing: asyncio.Task[None] | None = None
        self._away_until = 0.0

    async def take(self, key: str, most: int) -> str | None:
        """Return a new lease, None when others hold all there are; without the Redis nobody is kept out."""
        lease = uuid.uuid4().hex
        if not await self._hold(lease, key, most):
            return None
        self._held[lease] = key
        if self._renewing is None:
            self._renewing = asyncio.create_task(self._renew(), name="leases")
        return lease

    async def give_back(self, lease: str) -> None:
        key = self._held.pop(lease)
        await self._ask("ZREM", _place(key), lease)

    async def close(self) -> None:
        if self._renewing is not None:
            await cancelled(self._renewing)
        await self._redis.aclose()

    async def _renew(self) -> None:
        """Keep what is held; a Redis that came back empty hears of it again."""
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            for lease, key in list(self._held.items()):
                if lease in self._held:  # else it was given back meanwhile
                    await self._hold(lease, key, UNBOUNDED)

    async def _hold(self, lease: str, key: str, most: int) -> bool:
        return await self._ask("EVAL", HOLD, 1, _place(key), lease, most, int(LEASE_SECONDS * 1000)) != 0

    async def _ask(self, *command: str | int) -> object:
        """Return what the Redis says, None while it is away: then it is left alone for a while."""
        if time.monotonic() < self._away_until:
            return None
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                found: object = await cast("Any", self._redis).execute_command(*command)  # of which no type is known
        except (RedisError, OSError) as error:  # a TimeoutError is an OSError
            self._away_until = time.monotonic() + AWAY_SECONDS
            log.warning("slots.redis_away", error=str(error))
            return None
        return found


def _place(key: str) -> str:
    return f"videochat:slots:{key}"
