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
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, false, func, not_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from videochat.errors import VideoChatError
from videochat.ops.tasks import cancelled
from videochat.store.session import Database
from videochat.store.tables import EventRow, JobRow

MOST_TAGS = 10_000
PAGE = 500  # events that are looked through; after more than that everything counts as changed
STATE = "job"  # the type of event that tells how a job is, which changes no words


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
    """One recording with its transcripts, but not how its jobs are."""
    return Tag("recording", media_id)


@dataclass(frozen=True, slots=True)
class _Change:
    id: int
    stream: str
    owner: str
    type: str
    media_id: str | None
    at: datetime

    @property
    def stamp(self) -> str:
        return _stamp(self.id, self.at)

    def tags(self) -> Sequence[Tag]:
        topic, _, identity = self.stream.partition(":")
        if topic not in {"job", "media"}:
            return ()
        if self.type == STATE:
            return (library(self.owner),)
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
        self._waiting: list[tuple[Sequence[Tag], asyncio.Future[tuple[str, ...] | None]]] = []
        self._looking: asyncio.Task[None] | None = None
        # The names that we give to what nothing was ever heard of are no other process's.
        self._own = secrets.token_hex(8)

    async def of(self, tags: Sequence[Tag]) -> tuple[str, ...] | None:
        """Return the stamps as they are now, None while the database cannot say."""
        if self._looking is None and self._counted is not None and self._counter.read() == self._counted:
            known = self._recall(tags)
            if known is not None:
                return known
        asked = asyncio.get_running_loop().create_future()
        self._waiting.append((tags, asked))
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_for_all(), name="cache-stamps")
        found: tuple[str, ...] | None = await asked
        return found

    async def close(self) -> None:
        if self._looking is not None:
            await cancelled(self._looking)
        self._counter.close()

    def _recall(self, tags: Sequence[Tag]) -> tuple[str, ...] | None:
        if any(tag not in self._known for tag in tags):
            return None
        for tag in tags:
            self._known.move_to_end(tag)
        return tuple(self._known[tag] for tag in tags)

    async def _look_for_all(self) -> None:
        """Look for whoever waits: nobody gets the answer of a look that began before he asked."""
        try:
            while self._waiting:
                asking, self._waiting = self._waiting, []
                stamps = await self._look([tag for tags, _ in asking for tag in tags])
                for tags, asked in asking:
                    if not asked.done():
                        asked.set_result(None if stamps is None else tuple(stamps[tag] for tag in tags))
        finally:
            self._looking = None

    async def _look(self, wanted: Sequence[Tag]) -> dict[Tag, str] | None:
        counted = self._counter.read()  # before the look: what is committed meanwhile is looked at once more
        try:
            async with self._database.read() as session:
                over = await self._catch_up(session)
                stamps = {tag: self._known.get(tag) or await self._last(session, tag) for tag in wanted}
        except VideoChatError:
            self._counted = None
            return None
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
        media_id = EventRow.data["media_id"].as_string()
        columns = (EventRow.id, EventRow.stream, EventRow.owner, EventRow.type, media_id, EventRow.at)
        newer = select(*columns).where(EventRow.id > self._seen).order_by(EventRow.id).limit(PAGE)
        changes = [_Change(*row) for row in await session.execute(newer)]
        if not changes:
            return []
        self._seen = changes[-1].id
        if len(changes) == PAGE:
            self._seen = await session.scalar(select(func.max(EventRow.id))) or self._seen
            self._known.clear()
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
        case "library":
            return (EventRow.owner == tag.id) & or_(of_jobs, EventRow.stream.startswith("media:"))
        case "words":
            return (EventRow.owner == tag.id) & (
                or_(of_jobs & not_(EventRow.type == STATE), EventRow.stream.startswith("media:"))
            )
        case "recording":
            jobs = select("job:" + JobRow.id).where(JobRow.media_id == tag.id)
            told = EventRow.stream.in_(jobs) & not_(EventRow.type == STATE)
            return or_(EventRow.stream == f"media:{tag.id}", told)
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
