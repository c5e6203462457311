"""Stores an answer's parts as they come: events for those who follow, the row for those who look."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from videochat.access import quotas
from videochat.answers import repository
from videochat.answers.answer import Answer, Coverage, Status
from videochat.answers.chat import Part
from videochat.answers.citations import Citation, count_uncited
from videochat.answers.passing import ENDLESS, MAX_TEXT
from videochat.answers.provider import Usage
from videochat.errors import ConflictError, ProviderError
from videochat.store import events
from videochat.store.feed import EventFeed
from videochat.store.session import Database

# Text is stored at most this often: readers see no difference, the database sees a tenth of the writes.
COALESCE_SECONDS = 0.04
# While the provider is silent, this often somebody looks whether the answer was cancelled in another process.
WATCH_SECONDS = 0.5


class EndedElsewhereError(ConflictError):
    """The answer was cancelled or deleted while it was being written."""

    code = "ended"


class Recorder:
    """Collects one answer's parts and stores them, several at a time."""

    def __init__(self, database: Database, feed: EventFeed, answer: Answer) -> None:
        self._database = database
        self._feed = feed
        self._answer = answer
        self._text = ""
        self._citations: list[Citation] = []
        self._usage: Usage | None = None
        self._coverage = answer.coverage
        self._pending: list[str | Citation] = []
        self._changed = asyncio.Event()
        self._complete = asyncio.Event()

    @property
    def text(self) -> str:
        return self._text

    @property
    def usage(self) -> Usage | None:
        return self._usage

    def covers(self, coverage: Coverage) -> None:
        """Note how much the answer rests on."""
        self._coverage = coverage

    def add(self, part: Part) -> None:
        """Take the next part. Raises ProviderError for an answer without end."""
        if isinstance(part, Usage):
            self._usage = part
            return
        if isinstance(part, Citation):
            self._citations.append(part)
        else:
            self._text += part
        if len(self._text) > MAX_TEXT:
            raise ProviderError(ENDLESS)
        self._pending.append(part)
        self._changed.set()

    def complete(self) -> None:
        """Say that nothing more will come."""
        self._complete.set()
        self._changed.set()

    async def record(self) -> None:
        """Store parts until everything is stored. Raises EndedElsewhereError when the answer runs no more."""
        while self._pending or not self._complete.is_set():
            self._changed.clear()
            if self._pending:
                await self._flush()
                await _within(self._complete, COALESCE_SECONDS)
            elif not await _within(self._changed, WATCH_SECONDS):
                await self._check()

    async def end(self, status: Status, error: dict[str, str] | None) -> bool:
        """Store what is left and end the answer; False when it had ended already."""
        coverage = {**self._coverage, "uncited": count_uncited(self._text)}
        usage = self._usage.as_json() if self._usage else {}
        async with self._database.write() as session:
            ended = await repository.end(
                session, self._answer.id, status, error=error, usage=usage, coverage=coverage, **self._written()
            )
            if ended:
                await self._append(session, self._drain())
                if self._usage:
                    await self._append(session, [("usage", usage)])
                    await quotas.count(session, self._answer.owner, tokens=self._usage.tokens)
                await tell_end(session, self._answer.id)
        self._feed.poke(repository.stream_of(self._answer.id))
        return ended

    async def _flush(self) -> None:
        drained = list(self._drain())
        async with self._database.write() as session:
            if not await repository.change_running(session, self._answer.id, **self._written()):
                raise EndedElsewhereError
            await self._append(session, drained)
        self._feed.poke(repository.stream_of(self._answer.id))

    async def _check(self) -> None:
        async with self._database.read() as session:
            if not await repository.is_running(session, self._answer.id):
                raise EndedElsewhereError

    def _written(self) -> dict[str, Any]:
        return {"text": self._text, "citations": [citation.as_json() for citation in self._citations]}

    def _drain(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Give what is pending as events, neighbouring texts as one."""
        pending, self._pending = self._pending, []
        text = ""
        for part in pending:
            if isinstance(part, str):
                text += part
                continue
            if text:
                yield "text", {"text": text}
                text = ""
            yield "citation", part.as_json()
        if text:
            yield "text", {"text": text}

    async def _append(self, session: AsyncSession, kinds: Any) -> None:
        stream = repository.stream_of(self._answer.id)
        for kind, data in kinds:
            await events.append(session, stream, kind, data, owner=self._answer.owner)


async def tell_end(session: AsyncSession, answer_id: str) -> Answer:
    """Append the events that every answer ends with, in the transaction that ended it, and return the answer."""
    answer = await repository.get(session, answer_id)
    assert answer is not None, "it was changed a moment ago"
    stream = repository.stream_of(answer_id)
    await events.append(session, stream, "status", {"status": answer.status}, owner=answer.owner)
    await events.append(session, stream, "end", answer.as_json(), owner=answer.owner)
    return answer


async def _within(happened: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await happened.wait()
    except TimeoutError:
        return False
    return True
