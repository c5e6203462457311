"""What happens to jobs, answers and media, in one ordered table that any process can follow from any point.

A stream is named `job:ID` or `answer:ID`. Ids grow in the order of commits, so a reader who has seen id n
misses nothing by asking for `id > n` – on PostgreSQL an advisory lock until commit sees to that.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, insert, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from videochat.store.session import Database
from videochat.store.tables import EventRow

# Any fixed number will do: it names the lock that event writers share ("vcev").
EVENT_LOCK = 0x76636576
PAGE = 500


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. `id` is larger than that of every event committed before."""

    id: int
    stream: str
    type: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Everything:
    """All streams of these topics (`job`, `media`, …) that belong to an owner."""

    owner: str
    topics: tuple[str, ...]


Source = str | Everything


async def append(session: AsyncSession, stream: str, kind: str, data: dict[str, Any], *, owner: str) -> None:
    """Add an event to the caller's transaction; followers see it after the commit. Append last: it may take a lock."""
    await lock_order(session)
    await session.execute(
        insert(EventRow).values(stream=stream, owner=owner, type=kind, data=data, at=datetime.now(UTC))
    )


async def lock_order(session: AsyncSession) -> None:
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": EVENT_LOCK})


class EventFeed:
    """Follows the event table for everyone in this process with one poll, whatever the number of readers."""

    def __init__(self, database: Database, poll_seconds: float = 0.1) -> None:
        self._database = database
        self._poll_seconds = poll_seconds
        self._waiters: set[asyncio.Event] = set()
        self._poller: asyncio.Task[None] | None = None

    async def newest(self) -> int:
        """Return the id of the newest event, 0 if there is none."""
        async with self._database.read() as session:
            return await session.scalar(select(func.max(EventRow.id))) or 0

    async def page(self, after: int, source: Source) -> list[Event]:
        """Return up to 500 events after the id, oldest first."""
        query = select(EventRow.id, EventRow.stream, EventRow.type, EventRow.data).where(EventRow.id > after)
        if isinstance(source, str):
            query = query.where(EventRow.stream == source)
        else:
            topics = [EventRow.stream.startswith(f"{topic}:") for topic in source.topics]
            query = query.where(EventRow.owner == source.owner, or_(*topics))
        async with self._database.read() as session:
            rows = await session.execute(query.order_by(EventRow.id).limit(PAGE))
            return [Event(*row) for row in rows]

    async def follow(self, after: int, source: Source, *, idle_seconds: float = 15.0) -> AsyncIterator[Event | None]:
        """Yield the events after the id as they come, for ever; None when nothing came for a while (a heartbeat)."""
        changed = asyncio.Event()
        self._waiters.add(changed)
        self._wake_poller()
        try:
            while True:
                changed.clear()
                events = await self.page(after, source)
                for event in events:
                    yield event
                    after = event.id
                if len(events) < PAGE and not await _within(changed, idle_seconds):
                    yield None
        finally:
            self._waiters.discard(changed)

    def poke(self) -> None:
        """Tell the readers of this process that something was committed, so that they need not wait for the poll."""
        for waiter in self._waiters:
            waiter.set()

    async def close(self) -> None:
        if self._poller is not None:
            self._poller.cancel()

    def _wake_poller(self) -> None:
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll(), name="event-feed")

    async def _poll(self) -> None:
        seen = await self.newest()
        while self._waiters:
            await asyncio.sleep(self._poll_seconds)
            newest = await self.newest()
            if newest != seen:
                seen = newest
                self.poke()


async def _within(changed: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await changed.wait()
    except TimeoutError:
        return False
    return True
