"""When what was last changed: the newest event that touches a tag, asked of the database before each use.

A value that is named after the stamps of its tags is found again for as long as none of them changes, in every process and at
once: whoever changes something appends an event in the same transaction. On SQLite a number in shared memory says whether
anything was committed at all, which takes microseconds; PostgreSQL is asked in one statement for all who wait.
"""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, false, func, not_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from videochat.ops.tasks import cancelled
from videochat.store.session import Database
from videochat.store.tables import EventRow, JobRow

MOST_TAGS = 10_000
PAGE = 500  # events that are looked through; after more than that everything counts as changed
STATE = "job"  # the type of event that tells how a job is, which changes no words
RENAMED = "renamed"  # what an event of a recording's new name says, which changes nothing else of it


@dataclass(frozen=True, slots=True)
class Tag:
    """Something that changes: what an owner has, with how it is; what was said in all of it; or one recording."""

    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


def library(owner: str) -> Tag:
    """Everything that the owner has, and how its jobs are."""
    return Tag("library", owner)


def words(owner: str) -> Tag:
    """What was said in all that the owner has, and what it is called."""
    return Tag("words", owner)


def recording(media_id: str) -> Tag:
    """What was said in one recording, but neither its name nor how its jobs are."""
    return Tag("recording", media_id)


ACCESS = Tag("access", "")
"""Who may come in and read what."""


@dataclass(frozen=True, slots=True)
class _Change:
    id: int
    stream: str
    owner: str
    type: str
    media_id: str | None
    action: str | None
    at: datetime

    @property
    def stamp(self) -> str:
        return _stamp(self.id, self.at)

    def tags(self) -> Sequence[Tag]:
        topic, _, identity = self.stream.partition(":")
        if topic == ACCESS.kind:
            return (ACCESS,)
        if topic not in {"job", "media"}:
            return ()
        if self.type == STATE:
            return (library(self.owner),)
        if self.action == RENAMED:
            return (library(self.owner), words(self.owner))
        media_id = identity if topic == "media" else self.media_id
        return (library(self.owner), words(self.owner), *([recording(media_id)] if media_id else []))


Touched = Callable[[Sequence[str] | None], Awaitable[None]]


def stamped(tag: Tag, stamp: str) -> str:
    """Return the tag as it was: values that carry it are worthless once the tag has another stamp."""
    return f"{tag}@{stamp}"


class Stamps:
    """Knows the stamps of the tags that were asked for; `touched` is told which hold no more, None when it may be all."""

    def __init__(self, database: Database, touched: Touched) -> None:
        self._database = database
        self._touched = touched
        self._known: OrderedDict[Tag, str] = OrderedDict()
        self._seen: int | None = None
        self._counter = _Counter(database)
        self._counted: int | None = None
        self._wanted: set[Tag] = set()
        self._running: asyncio.Task[dict[Tag, str]] | None = None
        self._next: asyncio.Task[dict[Tag, str]] | None = None
        # The name that we give to what nothing was ever heard of is no other process's.
        self._own = secrets.token_hex(8)

    async def of(self, tags: Collection[Tag]) -> tuple[str, ...]:
        """Return the stamps as they are now. Raises what the database raises when it cannot say."""
        if self._counted is not None and self._counter.read() == self._counted:
            known = self._recall(tags)
            if known is not None:
                return known
        self._wanted.update(tags)
        if self._next is None:
            self._next = asyncio.create_task(self._look_next(), name="cache-stamps")
        found = await asyncio.shield(self._next)
        return tuple(found[tag] for tag in tags)

    async def close(self) -> None:
        await cancelled(*(look for look in (self._running, self._next) if look is not None))
        self._counter.close()

    async def _look_next(self) -> dict[Tag, str]:
        """Look once for all who have asked until it begins: nobody gets the answer of a look that began before he asked."""
        if self._running is not None:
            await asyncio.wait({self._running})
        self._running, self._next = self._next, None
        wanted, self._wanted = self._wanted, set()
        return await self._look(wanted)

    def _recall(self, tags: Collection[Tag]) -> tuple[str, ...] | None:
        if any(tag not in self._known for tag in tags):
            return None
        for tag in tags:
            self._known.move_to_end(tag)
        return tuple(self._known[tag] for tag in tags)

    async def _look(self, wanted: Collection[Tag]) -> dict[Tag, str]:
        counted, self._counted = self._counter.read(), None  # what is committed from now on is looked at once more
        async with self._database.read() as session:
            over = await self._catch_up(session)
            stamps = {tag: self._known.get(tag) or await self._last(session, tag) for tag in wanted}
        self._counted = counted
        self._keep(stamps)
        if over is None or over:
            await self._touched(over)
        return stamps

    async def _catch_up(self, session: AsyncSession) -> list[str] | None:
        """Take note of what was committed since the last look and return what is over, None for everything."""
        if self._seen is None:
            self._seen = await session.scalar(select(func.max(EventRow.id))) or 0
            return []
        told = (EventRow.data["media_id"].as_string(), EventRow.data["action"].as_string())
        columns = (EventRow.id, EventRow.stream, EventRow.owner, EventRow.type, *told, EventRow.at)
        newer = select(*columns).where(EventRow.id > self._seen).order_by(EventRow.id).limit(PAGE)
        changes = [_Change(*row) for row in await session.execute(newer)]
        if not changes:
            return []
        self._seen = changes[-1].id
        if len(changes) == PAGE:
            self._known.clear()
            self._seen = await session.scalar(select(func.max(EventRow.id))) or self._seen
            return None
        stamps = {tag: change.stamp for change in changes for tag in change.tags()}
        over = [stamped(tag, self._known[tag]) for tag in stamps if tag in self._known]
        self._keep(stamps)
        return over

    def _keep(self, stamps: dict[Tag, str]) -> None:
        self._known |= stamps
        for tag in stamps:
            self._known.move_to_end(tag)
        while len(self._known) > MOST_TAGS:
            self._known.popitem(last=False)

    async def _last(self, session: AsyncSession, tag: Tag) -> str:
        """Return the stamp of the last event that touched the tag, as long as the table of events has one."""
        query = select(EventRow.id, EventRow.at).where(_touching(tag)).order_by(EventRow.id.desc()).limit(1)
        row = (await session.execute(query)).first()
        return self._own if row is None else _stamp(*row)


def _touching(tag: Tag) -> ColumnElement[bool]:
    """Return the condition of events that touch the tag: the same as `_Change.tags`, asked the other way round."""
    of_jobs = EventRow.stream.startswith("job:")
    match tag.kind:
        case ACCESS.kind:
            return EventRow.stream == ACCESS.kind
        case "library":
            return (EventRow.owner == tag.id) & or_(of_jobs, EventRow.stream.startswith("media:"))
        case "words":
            return (EventRow.owner == tag.id) & (
                or_(of_jobs & not_(EventRow.type == STATE), EventRow.stream.startswith("media:"))
            )
        case "recording":
            jobs = select("job:" + JobRow.id).where(JobRow.media_id == tag.id)
            told = EventRow.stream.in_(jobs) & not_(EventRow.type == STATE)
            renamed = func.coalesce(EventRow.data["action"].as_string(), "") == RENAMED
            return or_((EventRow.stream == f"media:{tag.id}") & not_(renamed), told)
    return false()


def _stamp(event_id: int, at: datetime) -> str:
    """Name an event. Ids alone would mean something else after an older state of the database was brought back."""
    return f"{event_id}.{at.timestamp():.6f}"


class _Counter:
    """Reads the number that SQLite changes with every commit of another connection; there is none on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._path = str(database.engine.url.database) if database.dialect == "sqlite" else None
        self._connection: sqlite3.Connection | None = None

    def read(self) -> int | None:
        if self._path is None:
            return None
        try:
            if self._connection is None:
                self._connection = sqlite3.connect(self._path, timeout=0)
            # https://www.sqlite.org/pragma.html#pragma_data_version
            (number,) = self._connection.execute("PRAGMA data_version").fetchone()
        except sqlite3.OperationalError:  # a file that is locked for a moment
            return None
        return int(number)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
