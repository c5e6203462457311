"""Values that cost something to make, kept for as long as they are true: memory first, then a shared level if there is one.

A value's name holds the owner it was made for, its inputs and the stamps of its tags, so that no name ever means two things and
what is kept can only be useless, never wrong. Dropping by tags and the time to live give back room; they are not what makes it
right. The third level, results that took minutes, is the table of artefacts (`store/artefacts.py`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from videochat import __version__
from videochat.errors import VideoChatError
from videochat.ops.keeping import keep
from videochat.ops.metrics import Metrics
from videochat.ops.tasks import cancelled
from videochat.store.cache.level import Entry, Level, cache_of
from videochat.store.cache.memory import MemoryLevel
from videochat.store.cache.stamps import Stamps, Tag, stamped
from videochat.store.fingerprint import fingerprint
from videochat.store.session import Database

log = structlog.get_logger(__name__)

SWEEP_SECONDS = 15.0
EARLY = 0.1  # the last part of its life in which a value that is wanted is made anew before its time is over
MOST_WRITES = 64  # to the shared level at a time; more are left out

Make = Callable[[], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Name:
    """What a value is called: another one as soon as anything changes that the value depends on."""

    key: str
    tags: tuple[str, ...]

    @property
    def etag(self) -> str:
        """Return a weak validator: who computes while something is committed may already see it under the earlier name."""
        return f'W/"{self.key.partition(":")[2]}"'


class Cache:
    """Finds or makes values. One computation serves all who ask for a name meanwhile; its error reaches all and is not kept."""

    def __init__(
        self, database: Database, memory: MemoryLevel, shared: Level | None, metrics: Metrics, ttl_seconds: float
    ) -> None:
        self._memory = memory
        self._shared = shared
        self._metrics = metrics
        self._ttl = ttl_seconds
        self._stamps = Stamps(database, self._touched)
        self._making: dict[str, asyncio.Task[bytes]] = {}
        self._behind: set[asyncio.Task[None]] = set()  # what nobody waits for
        self._to_drop: set[str] = set()
        self._sweeping: asyncio.Task[None] | None = None

    async def name(self, cache: str, owner: str, tags: Sequence[Tag], *inputs: Any) -> Name:
        """Return what a value for this owner is called now. Inputs are JSON values.

        Raises what the database raises: while it cannot say what changed, nothing may be taken for true.
        """
        stamps = await self._stamps.of(tags)
        digest = fingerprint(cache, version=__version__, owner=owner, stamps=stamps, inputs=inputs)
        return Name(f"{cache}:{digest[:40]}", tuple(map(stamped, tags, stamps)))

    async def get(self, name: Name, make: Make) -> bytes:
        """Return the value of this name, made if need be."""
        self._keep_sweeping()
        entry = self._memory.look(name.key)
        self._metrics.looked_up(cache_of(name.key), self._memory.name, found=entry is not None)
        if entry is None:
            return await asyncio.shield(self._once(name, partial(self._find_or_make, name, make)))
        if entry.seconds_left < EARLY * self._ttl:
            self._once(name, partial(self._make, name, make))
        return entry.value

    async def sweep(self) -> None:
        """Forget what is over or was changed by others, whether anybody asks for it or not."""
        self._memory.sweep()
        await self._stamps.of(())

    async def ping(self) -> bool | None:
        """Say whether the level that is shared can be reached; None where there is none."""
        return None if self._shared is None else await self._shared.ping()

    async def close(self) -> None:
        """Stop everything and return when nothing of this uses the database any more."""
        sweeping = [] if self._sweeping is None else [self._sweeping]
        making: list[asyncio.Task[Any]] = [*self._making.values()]
        await cancelled(*sweeping, *making, *self._behind)
        await self._stamps.close()
        await self._memory.close()
        if self._shared is not None:
            await self._shared.close()

    def _once(self, name: Name, work: Make) -> asyncio.Task[bytes]:
        """Start the work unless somebody else's is under way. It goes on when those who wait for it leave."""
        task = self._making.get(name.key)
        if task is None:
            task = asyncio.create_task(_run(work), name=f"cache-{name.key}")
            self._making[name.key] = task
            task.add_done_callback(partial(self._made, name.key))
        return task

    def _made(self, key: str, task: asyncio.Task[bytes]) -> None:
        del self._making[key]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.debug("cache.unmade", cache=cache_of(key), error=type(error).__name__)

    async def _find_or_make(self, name: Name, make: Make) -> bytes:
        if self._shared is not None:
            entry = await self._shared.get(name.key)
            self._metrics.looked_up(cache_of(name.key), self._shared.name, found=entry is not None)
            if entry is not None:
                await self._memory.put(name.key, entry)
                return entry.value
        return await self._make(name, make)

    async def _make(self, name: Name, make: Make) -> bytes:
        value = await make()
        entry = Entry(value, time.time() + self._ttl, name.tags)
        await self._memory.put(name.key, entry)
        if self._shared is not None and len(self._behind) < MOST_WRITES:
            self._do_behind(self._shared.put(name.key, entry))
        return value

    async def _touched(self, over: Sequence[str] | None) -> None:
        if over is None:
            self._memory.drop_all()
            return
        await self._memory.drop(over)
        if self._shared is not None:
            waiting, self._to_drop = bool(self._to_drop), self._to_drop.union(over)
            if not waiting:
                self._do_behind(self._drop_shared(self._shared))

    async def _drop_shared(self, shared: Level) -> None:
        while self._to_drop:
            tags, self._to_drop = self._to_drop, set()
            await shared.drop(tags)

    def _do_behind(self, work: Any) -> None:
        task = asyncio.create_task(work, name="cache-behind")
        self._behind.add(task)
        task.add_done_callback(self._behind.discard)

    def _keep_sweeping(self) -> None:
        if self._sweeping is None:
            self._sweeping = keep("cache-sweep", self._sweep_for_ever)

    async def _sweep_for_ever(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                await self.sweep()
            except VideoChatError as error:  # of a database that is away; requests say so too
                log.debug("cache.unswept", code=error.reason)


async def _run(work: Make) -> bytes:
    return await work()
