"""What happens to jobs, answers and media, in one ordered table that any process can follow from any point.

A stream is named `job:ID` or `answer:ID`. Ids grow in the order of commits, so a reader who has seen id n
misses nothing by asking for `id > n` – on PostgreSQL an advisory lock until commit sees to that.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import CursorResult, delete, func, insert, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from videochat.store.tables import EventRow

# Any fixed number will do: it names the lock that event writers share ("vcev").
EVENT_LOCK = 0x76636576
CHANNEL = "videochat_events"  # on which PostgreSQL tells of commits
TASKS = "tasks"  # the bell for what waits in queues, of which there are no events
BELL_COUNT = "user_version"  # where SQLite counts how often it was rung
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


def concerns(source: Source, stream: str) -> bool:
    """Say whether what happens in the stream may be of interest to who follows the source."""
    return stream == source if isinstance(source, str) else stream.split(":", 1)[0] in source.topics


async def append(session: AsyncSession, stream: str, kind: str, data: dict[str, Any], *, owner: str) -> None:
    """Add an event to the caller's transaction; followers see it after the commit. Append last: it may take a lock."""
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": EVENT_LOCK})
        await _notify(session, stream)
    await session.execute(
        insert(EventRow).values(stream=stream, owner=owner, type=kind, data=data, at=datetime.now(UTC))
    )


async def ring(session: AsyncSession) -> None:
    """Ring the bell `TASKS` in all processes once the caller's transaction is committed."""
    if session.get_bind().dialect.name == "postgresql":
        await _notify(session, TASKS)
        return
    rung = await session.scalar(text(f"PRAGMA {BELL_COUNT}")) or 0
    await session.execute(text(f"PRAGMA {BELL_COUNT} = {(rung + 1) % 2**31}"))


async def _notify(session: AsyncSession, stream: str) -> None:
    await session.execute(text("SELECT pg_notify(:channel, :stream)"), {"channel": CHANNEL, "stream": stream})


async def forget(session: AsyncSession, stream: str, kind: str) -> None:
    """Remove a stream's events of this type, because one that follows says all that they said."""
    await session.execute(delete(EventRow).where(EventRow.stream == stream, EventRow.type == kind))


async def prune(session: AsyncSession, before: datetime, keep: Collection[str]) -> int:
    """Remove events from before then, but for these types, and return how many there were."""
    old = delete(EventRow).where(EventRow.at < before, EventRow.type.not_in(keep))
    return cast("CursorResult[Any]", await session.execute(old)).rowcount


async def newest(session: AsyncSession) -> int:
    """Return the id of the newest event, 0 if there is none."""
    return await session.scalar(select(func.max(EventRow.id))) or 0


async def page(session: AsyncSession, after: int, source: Source) -> list[Event]:
    """Return up to 500 events after the id, oldest first."""
    query = select(EventRow.id, EventRow.stream, EventRow.type, EventRow.data).where(EventRow.id > after)
    if isinstance(source, str):
        query = query.where(EventRow.stream == source)
    else:
        topics = [EventRow.stream.startswith(f"{topic}:") for topic in source.topics]
        query = query.where(EventRow.owner == source.owner, or_(*topics))
    return [Event(*row) for row in await session.execute(query.order_by(EventRow.id).limit(PAGE))]
