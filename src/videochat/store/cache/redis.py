"""The second level: a Redis that processes and machines share. Whatever happens to it, nobody waits long and nothing fails.

A value lies under its key behind a line of JSON that says until when it may be used and what its tags are; there is nothing in
it that could run. The keys of each tag are kept in one set for each span of time that an entry may live: who drops a tag looks
into this span's and the one's before, and no set lives long enough to grow without bounds.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Collection
from typing import TypeVar

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from videochat import __version__
from videochat.errors import ConfigurationError
from videochat.ops.metrics import Metrics
from videochat.store.cache.level import Entry, cache_of

log = structlog.get_logger(__name__)

TIMEOUT_SECONDS = 0.1  # computing takes about as long, so waiting longer than this gains nothing
RETRY_SECONDS = 5.0
MOST_SLOW = 3  # answers in a row that did not come in time; one may be late because this process is busy
CONNECTIONS = 32
MAX_VALUE_BYTES = 8 * 1024**2  # what cannot be moved in that time is not worth trying

Found = TypeVar("Found")


class RedisLevel:
    """A level in a Redis, left alone for a while after it failed: until then everybody does without.

    No entry lives longer than `longest` seconds.
    """

    name = "redis"

    def __init__(self, url: str, metrics: Metrics, longest: float, *, timeout: float = TIMEOUT_SECONDS) -> None:
        self._metrics = metrics
        self._longest = longest
        self._timeout = timeout
        self._closed_until = 0.0
        self._complained = 0.0
        self._away = False
        self._slow = 0
        # What another version wrote may look different, though it says the same.
        self._prefix = f"videochat:{__version__}:"
        self._redis = Redis.from_pool(_pool(url, timeout))

    async def get(self, key: str) -> Entry | None:
        raw = await self._ask(lambda: self._redis.get(self._at(key)))
        entry = _decoded(raw) if isinstance(raw, bytes) else None
        return entry if entry is not None and entry.seconds_left > 0 else None

    async def put(self, key: str, entry: Entry) -> None:
        left = int(min(entry.seconds_left, self._longest) * 1000)
        if left <= 0 or len(entry.value) > MAX_VALUE_BYTES:
            return
        place, span = self._at(key), self._span
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.set(place, _encoded(entry), px=left)
            for tag in entry.tags:
                pipe.sadd(self._set(tag, span), place)
                pipe.expire(self._set(tag, span), int(2 * self._longest) + 1)
            if await self._ask(pipe.execute) is None:
                self._metrics.cache_unwritten.labels(cache_of(key), self.name).inc()

    async def drop(self, tags: Collection[str]) -> None:
        span = self._span
        sets = [self._set(tag, one) for tag in tags for one in (span, span - 1)]
        places = await self._ask(lambda: self._redis.sunion(sets)) if sets else None
        if places:
            await self._ask(lambda: self._redis.unlink(*places, *sets))

    async def ping(self) -> bool:
        await self._ask(self._redis.ping)
        return not self._away  # one answer that is late says nothing

    async def close(self) -> None:
        await self._redis.aclose()

    async def _ask(self, command: Callable[[], Awaitable[Found]]) -> Found | None:
        """Return what the command returns, None when the Redis is away, slow or refuses it."""
        now = time.monotonic()
        if now < self._closed_until:
            return None
        if self._away:
            self._closed_until = now + RETRY_SECONDS  # one tries, the others go on doing without
        try:
            async with asyncio.timeout(self._timeout):
                found = await command()
        except (RedisTimeoutError, TimeoutError) as error:
            self._failed("slow", error)
            self._slow += 1
            if self._away or self._slow >= MOST_SLOW:
                self._leave_alone()
        except (RedisConnectionError, OSError) as error:
            self._failed("away", error)
            self._leave_alone()
        except RedisError as error:  # it is there and says no: it is full, read-only, or no Redis as we know it
            self._failed("refused", error)
        else:
            self._came_back()
            return found
        return None

    def _leave_alone(self) -> None:
        self._away = True
        self._closed_until = time.monotonic() + RETRY_SECONDS
        self._metrics.cache_away.labels(self.name).set(1)

    def _came_back(self) -> None:
        self._slow = 0
        if self._away:
            self._away = False
            self._closed_until = 0.0
            self._metrics.cache_away.labels(self.name).set(0)
            log.info("cache.back", level=self.name)

    def _failed(self, how: str, error: Exception) -> None:
        self._metrics.cache_failures.labels(self.name, how).inc()
        if time.monotonic() > self._complained:
            self._complained = time.monotonic() + RETRY_SECONDS
            log.warning("cache.failed", level=self.name, how=how, error=type(error).__name__, retry_in=RETRY_SECONDS)

    def _at(self, key: str) -> str:
        return self._prefix + key

    @property
    def _span(self) -> int:
        return int(time.time() / self._longest)

    def _set(self, tag: str, span: int) -> str:
        return f"{self._prefix}tag:{tag}:{span}"


def _pool(url: str, timeout: float) -> BlockingConnectionPool:
    """Return connections that are made when they are wanted. Raises ConfigurationError."""
    try:
        return BlockingConnectionPool.from_url(
            url, max_connections=CONNECTIONS, timeout=timeout, socket_timeout=timeout, socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
        )  # fmt: skip
    except ValueError:
        raise ConfigurationError("CACHE__URL is not the address of a Redis; try redis://127.0.0.1:6379/0.") from None


def _encoded(entry: Entry) -> bytes:
    head = {"until": entry.until, "tags": entry.tags}
    return json.dumps(head).encode() + b"\n" + entry.value


def _decoded(raw: bytes) -> Entry | None:
    """Return the entry, None for what we cannot have written."""
    head, parted, value = raw.partition(b"\n")
    try:
        about = json.loads(head)
        return Entry(value, float(about["until"]), tuple(map(str, about["tags"]))) if parted else None
    except (ValueError, TypeError, KeyError):
        return None
