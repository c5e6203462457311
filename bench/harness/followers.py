"""Clients of event streams that lose their connection again and again, as people's browsers do.

What they are told is compared with the table of events, which holds the truth: see `judge`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from sqlalchemy import Connection, text

from harness.databases import connected

STATES = "job"  # the type of event that a later one of its stream replaces
END = "end"
SHORTEST_SECONDS, LONGEST_SECONDS = 0.05, 2.5  # a connection
AWAY_SECONDS = 0.7  # at the most, between two connections


@dataclass(frozen=True, slots=True)
class Told:
    """An event, as it was told or as it stands in the table."""

    id: int
    type: str
    data: Any


@dataclass(slots=True)
class Life:
    """What a page was told from when it was loaded until it was closed or loaded again.

    It is to be told everything after the event `since`, without a gap as far as it came.
    """

    since: int
    told: list[Told] = field(default_factory=list)

    @property
    def last(self) -> int:
        """The id of the event up to which it has come."""
        return self.told[-1].id if self.told else self.since


@dataclass(slots=True)
class Follower:
    """Follows one stream, at each of the servers in turn; between two of them it is cut off at a moment that chance chooses.

    It goes on with Last-Event-ID, or begins a new life where it `reloads`. A life begins after the event `since`; None asks
    without an id, and then it is to be told what comes after `newest`, which is asked as soon as the stream is open.
    """

    path: str
    servers: Sequence[str]
    chance: random.Random
    since: int | None = None
    reloads: bool = False
    newest: Callable[[], int] = int
    lives: list[Life] = field(default_factory=list)
    cuts: int = 0
    broken: int = 0
    ended: bool = False
    calm: bool = False
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    async def follow(self) -> None:
        """Follow until the stream ends; once it is `calm`, this client is not cut off any more."""
        async with httpx.AsyncClient(timeout=httpx.Timeout(10, read=None), trust_env=False) as client:
            turn = self.chance.randrange(len(self.servers))
            while not self.ended:
                await self._connect(client, self.servers[turn % len(self.servers)])
                turn += 1

    async def come_to(self, last: int, seconds: float) -> None:
        """Wait until the client knows of this event or its stream has ended, but no longer than this."""
        deadline = time.monotonic() + seconds
        while not self.ended and (not self.lives or self.lives[-1].last < last) and time.monotonic() < deadline:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), 0.1)
            self._moved.clear()

    def judged(self, truth: Sequence[Told]) -> Verdict:
        """Compare what all lives were told with the events of the stream; the last one was to be told all."""
        *earlier, last = self.lives or [Life(self.since or 0)]
        return sum((judge(life, truth) for life in earlier), judge(last, truth, until=truth[-1].id))

    async def _connect(self, client: httpx.AsyncClient, server: str) -> None:
        patience = None if self.calm else self.chance.uniform(SHORTEST_SECONDS, LONGEST_SECONDS)
        try:
            async with asyncio.timeout(patience):
                await self._read(client, server)
        except TimeoutError:
            self.cuts += 1
            await asyncio.sleep(self.chance.uniform(0, AWAY_SECONDS))
        except httpx.ConnectError:  # the server has not come back yet
            await asyncio.sleep(0.1)
        except httpx.TransportError:  # the server was killed
            self.broken += 1

    async def _read(self, client: httpx.AsyncClient, server: str) -> None:
        known = None if self.reloads or not self.lives else self.lives[-1]
        last = self.since if known is None else known.last or None
        headers = {} if last is None else {"Last-Event-ID": str(last)}
        async with client.stream("GET", server + self.path, headers=headers) as answer:
            answer.raise_for_status()
            life = known or Life(last if last is not None else self.newest())
            if known is None:
                self.lives.append(life)
            async for event in read_events(answer.aiter_lines()):
                life.told.append(event)
                self._moved.set()
                self.ended = event.type == END
                if self.ended:
                    return


async def read_events(lines: AsyncIterator[str]) -> AsyncIterator[Told]:
    """Yield the events of a stream; one that is cut off in the middle does not count, as in a browser."""
    fields: dict[str, str] = {}
    async for line in lines:
        name, _, value = line.partition(":")
        if line and name:
            fields[name] = value.removeprefix(" ")
        elif not line and "data" in fields:
            yield Told(int(fields["id"]), fields["event"], json.loads(fields["data"]))
            fields = {}


@dataclass(frozen=True, slots=True)
class Verdict:
    """How what was told differs from the truth; each is a number of events."""

    expected: int = 0
    missed: int = 0
    twice: int = 0
    out_of_order: int = 0
    altered: int = 0

    def __add__(self, other: Verdict) -> Verdict:
        return Verdict(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))


def judge(life: Life, truth: Sequence[Told], until: int | None = None) -> Verdict:
    """Compare what a life was told with the events of its stream, up to the event `until` or as far as it came.

    A state that a later one replaces need not be told. The table keeps of the states of a job that has ended only the last.
    """
    ids = [event.id for event in life.told]
    until = until if until is not None else max(ids, default=life.since)
    there = {event.id: event for event in truth}
    expected = {event.id for event in truth if life.since < event.id <= until}
    return Verdict(
        expected=len(expected),
        missed=len(expected - set(ids)),
        twice=len(ids) - len(set(ids)),
        out_of_order=sum(later < earlier for earlier, later in itertools.pairwise(ids)),
        altered=sum(event != there.get(event.id, event if event.type == STATES else None) for event in life.told),
    )


def read_truth(url: str) -> Mapping[str, list[Told]]:
    """Return the events of each stream as they stand in the table, in order, but states that a later one replaced."""
    with connected(url) as connection:
        rows = connection.execute(text("SELECT id, stream, type, data FROM events ORDER BY id")).all()
    last = {stream: number for number, stream, kind, _ in rows if kind == STATES}
    streams: dict[str, list[Told]] = {}
    for number, stream, kind, data in rows:
        if kind != STATES or last[stream] == number:
            told = Told(number, kind, json.loads(data) if isinstance(data, str) else data)
            streams.setdefault(stream, []).append(told)
    return streams


def everything(truth: Mapping[str, Sequence[Told]], topics: Collection[str]) -> list[Told]:
    """Return what who follows everything is told: the events of these topics, but the ends of streams."""
    chosen = [event for stream, told in truth.items() if stream.split(":")[0] in topics for event in told]
    return sorted((event for event in chosen if event.type != END), key=lambda event: event.id)


def newest(connection: Connection) -> int:
    """Return the id of the newest event in the table."""
    found = connection.scalar(text("SELECT max(id) FROM events"))
    connection.rollback()
    return int(found or 0)
