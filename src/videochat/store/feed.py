"""Following events: one look for everyone in this process, whatever the number of readers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from videochat.errors import VideoChatError
from videochat.ops.keeping import keep
from videochat.ops.tasks import cancelled
from videochat.store import events
from videochat.store.commits import committed
from videochat.store.events import PAGE, Event, Everything, Source, concerns
from videochat.store.session import Database

log = structlog.get_logger(__name__)

# A state that a later one replaces need not be told to a reader who has seen neither.
SNAPSHOTS = frozenset({"job"})
# Who follows everything gets it in batches; ten a second look live.
BATCH_SECONDS = 0.1
OUTAGE_SECONDS = 1.0


@dataclass(eq=False, slots=True)
class _Reader:
    source: Source
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class EventFeed:
    """Follows the event table for everyone in this process."""

    def __init__(self, database: Database, poll_seconds: float = 0.05) -> None:
        self._database = database
        self._poll_seconds = poll_seconds
        self._readers: set[_Reader] = set()
        self._watch: asyncio.Task[None] | None = None
        self._watches: set[asyncio.Task[None]] = set()  # also those that are told to stop and have not yet
        self._ending = False

    @property
    def ending(self) -> bool:
        """Whether this process is about to end."""
        return self._ending

    async def newest(self) -> int:
        """Return the id of the newest event, 0 if there is none."""
        async with self._database.read() as session:
            return await events.newest(session)

    async def page(self, after: int, source: Source) -> list[Event]:
        """Return up to 500 events after the id, oldest first."""
        async with self._database.read() as session:
            return await events.page(session, after, source)

    async def follow(
        self, after: int, source: Source, *, idle_seconds: float = 15.0
    ) -> AsyncGenerator[Event | None, None]:
        """Yield the events after the id as they come; None when nothing came for a while (a heartbeat).

        It ends when this process is about to: another one goes on from the last id.
        Of states that wait for the reader only the last of each stream is told.
        """
        with self.news(source) as news:
            while not self._ending:
                news.clear()
                found = await self.page(after, source)
                for event in latest(found):
                    yield event
                after = found[-1].id if found else after
                if len(found) < PAGE and not await within(news, idle_seconds):
                    yield None
                if isinstance(source, Everything):
                    await asyncio.sleep(BATCH_SECONDS)

    @contextmanager
    def news(self, source: Source) -> Iterator[asyncio.Event]:
        """Give an event that is set after each commit that may concern the source, of whatever process."""
        reader = _Reader(source)
        self._readers.add(reader)
        self._keep_watch()
        try:
            yield reader.changed
        finally:
            self._readers.discard(reader)
            if not self._readers:
                self._stop_watching()

    def poke(self, stream: str | None = None) -> None:
        """Tell readers of this process that something was committed (None: anywhere), so that they need not wait."""
        for reader in self._readers:
            if stream is None or concerns(reader.source, stream):
                reader.changed.set()

    def end(self) -> None:
        """Let everybody who follows go, and follow nothing any more."""
        self._ending = True
        self.poke()

    async def close(self) -> None:
        """Let everybody go and return when nothing of this uses the database any more, so that it can be closed."""
        self.end()
        self._stop_watching()
        await cancelled(*self._watches)

    def _stop_watching(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def _keep_watch(self) -> None:
        if self._watch is None:
            self._watch = keep("event-feed", self._watch_commits)
            self._watches.add(self._watch)
            self._watch.add_done_callback(self._watches.discard)

    async def _watch_commits(self) -> None:
        while True:
            try:
                async for stream in committed(self._database, self._poll_seconds):
                    self.poke(stream)
            except VideoChatError as error:
                log.warning("events.unreadable", code=error.reason)
                await asyncio.sleep(OUTAGE_SECONDS)


def latest(found: Sequence[Event]) -> list[Event]:
    """Leave out the states that a later one among these replaces."""
    last = {event.stream: event.id for event in found if event.type in SNAPSHOTS}
    return [event for event in found if event.type not in SNAPSHOTS or last[event.stream] == event.id]


async def within(news: asyncio.Event, seconds: float) -> bool:
    """Wait for news for so long, and say whether there are any."""
    # Not with asyncio.timeout: it cancels the task that waits, and who ends the task in that moment takes it for cancelled.
    waiting = asyncio.ensure_future(news.wait())
    try:
        await asyncio.wait({waiting}, timeout=seconds)
    finally:
        waiting.cancel()
    return news.is_set()
