"""What can be done with passages: add those of a window, search them, retrieve what a question needs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from videochat.errors import TooLargeError
from videochat.ops.actor import Actor
from videochat.ops.tasks import cancelled
from videochat.passages import repository, vector_repository
from videochat.passages.analyse import terms
from videochat.passages.hit import Hit, Hits
from videochat.passages.meaning import Aim, Meaning, Progress
from videochat.passages.neighbours import fused_hits, fused_passages, neighbours
from videochat.passages.passage import Layout, Passage, lay_out
from videochat.passages.places import Place, places
from videochat.passages.question import content_terms, query_terms
from videochat.passages.repository import Scope
from videochat.passages.search import Ranked, rank
from videochat.passages.snippet import marked
from videochat.passages.split import split
from videochat.store.session import Database
from videochat.transcripts.segment import NumberedSegment

MAX_QUERY = 1000
MAX_HITS = 100


@dataclass(frozen=True, slots=True)
class Found:
    """A passage that may answer a question, with its medium's name and its segments."""

    passage: Passage
    name: str
    score: float
    segments: tuple[NumberedSegment, ...]


class PassageService:
    """Passages grow with every window; search sees for each medium its newest transcript that has any.

    With a `meaning` it finds passages by theirs too, as far as they have a vector by now.
    """

    def __init__(self, database: Database, meaning: Meaning | None = None) -> None:
        self._database = database
        self.meaning = meaning

    async def add(
        self,
        session: AsyncSession,
        *,
        media_id: str,
        transcript_id: str,
        window: int,
        segments: Sequence[NumberedSegment],
    ) -> None:
        """Cut the segments of one window into passages, in the caller's transaction; doing it again changes nothing."""
        if await repository.has_window(session, transcript_id, window):
            return
        drafts = split(segments)
        await repository.insert_drafts(
            session, media_id=media_id, transcript_id=transcript_id, window=window, drafts=drafts
        )
        if self.meaning is not None:
            await _take_over(session, self.meaning.model, transcript_id, window)

    async def retire(self, session: AsyncSession, media_id: str, *, keep: str) -> None:
        """Remove the passages of the medium's other transcripts, once the transcript `keep` is complete."""
        await repository.delete_others(session, media_id, keep)

    async def search(self, actor: Actor, query: str, *, media: list[str] | None = None, limit: int = 20) -> list[Hit]:
        """Return the places where all words of the query were said; if there are none, where some were.

        Where they were said as in the query comes first, then where more of them were; apart from that the recordings
        follow each other by their score, and the places of one by their time. Only media that the actor may read are searched, or
        of these only the ones named. With a `meaning`, passages that mean the same are among them, and what both found gains.
        Raises TooLargeError for a query of more than 1000 characters.
        """
        return (await self.hits(actor, query, media=media, limit=limit)).items

    async def hits(self, actor: Actor, query: str, *, media: list[str] | None = None, limit: int = 20) -> Hits:
        """Return the same as `search`, and by which vectors it was found."""
        if len(query) > MAX_QUERY:
            raise TooLargeError(f"The query is too long: search for at most {MAX_QUERY} characters.")
        scope = Scope(actor, None if media is None else tuple(media))
        limit = max(1, min(limit, MAX_HITS))
        async with self._aiming(query) as aiming:
            hits = await self._by_words(scope, query, limit)
            if (aim := await aiming) is None:
                return Hits(hits[:limit], None)
        near = await neighbours(self._database, aim, scope, limit)
        return Hits(fused_hits(hits, near)[:limit], aim.state)

    async def _by_words(self, scope: Scope, query: str, limit: int) -> list[Hit]:
        async with self._database.read() as session:
            found, weights = await rank(session, scope, query_terms(query), "all", limit, phrase=terms(query))
            if not found:
                found, weights = await rank(session, scope, content_terms(query), "any", limit)
        return _hits(found, weights, terms(query))

    @asynccontextmanager
    async def _aiming(self, query: str) -> AsyncIterator[Awaitable[Aim | None]]:
        """Find out what the query means while its words are looked for."""
        aiming = asyncio.create_task(self._aim(query), name="aiming")
        try:
            yield aiming
        finally:
            await cancelled(aiming)

    async def _aim(self, query: str) -> Aim | None:
        return None if self.meaning is None or not terms(query) else await self.meaning.aim(query)

    async def progress(self) -> Progress | None:
        """Return how many passages can be found by their meaning; None where none ever can."""
        if self.meaning is None:
            return None
        async with self._database.read() as session:
            return await vector_repository.progress(session, self.meaning.model)

    async def overview(self, actor: Actor, media: list[str] | None, *, limit: int) -> list[Found]:
        """Return up to `limit` passages spread evenly over the media (None: the library), in order, with a score of 0."""
        scope = Scope(actor, None if media is None else tuple(media))
        async with self._database.read() as session:
            spread = await repository.spread(session, scope, limit)
            segments = await repository.segments_of(session, spread)
        return [_found(Ranked(c, 0.0, tuple(segments[c.id]))) for c in spread if segments[c.id]]

    async def retrieve(
        self, actor: Actor, question: str, *, media: list[str] | None = None, limit: int = 24
    ) -> list[Found]:
        """Return the passages that share most with the question, best first, whole and with their segments."""
        scope = Scope(actor, None if media is None else tuple(media))
        async with self._aiming(question) as aiming:
            async with self._database.read() as session:
                found, _ = await rank(session, scope, content_terms(question), "any", limit)
            if (aim := await aiming) is not None:
                near = await neighbours(self._database, aim, scope, limit)
                found = fused_passages(found, near)[:limit]
        return [_found(ranked) for ranked in found]

    async def close(self) -> None:
        if self.meaning is not None:
            await self.meaning.close()


async def _take_over(session: AsyncSession, model: str, transcript_id: str, window: int) -> None:
    """Give the new passages the vectors that the same texts have, before those go with the transcript before."""
    new = await vector_repository.of_window(session, transcript_id, window)
    known = await vector_repository.known(session, model, [one.digest for one in new])
    await vector_repository.store(session, model, new, known)


def _hits(found: Sequence[Ranked], weights: Mapping[str, float], phrase: Sequence[str]) -> list[Hit]:
    best: dict[str, float] = {}
    for ranked in found:
        best[ranked.candidate.media_id] = max(best.get(ranked.candidate.media_id, 0.0), ranked.score)
    placed = [
        (ranked, layout, place)
        for ranked, layout in [(ranked, lay_out(ranked.segments)) for ranked in found]
        for place in places(layout, weights, phrase)
    ]

    def order(one: tuple[Ranked, Layout, Place]) -> tuple[bool, float, float, str, float]:
        (_, _, place), media = one, one[0].candidate.media_id
        return not place.exact, -round(place.weight, 6), -best[media], media, place.excerpt.start

    return [_hit(ranked, layout, place, weights) for ranked, layout, place in sorted(placed, key=order)]


def _hit(ranked: Ranked, layout: Layout, place: Place, weights: Mapping[str, float]) -> Hit:
    c, excerpt = ranked.candidate, place.excerpt
    text = marked(layout.text[slice(*excerpt.span)], weights)
    numbers = tuple(segment.n for segment in excerpt.segments)
    return Hit(c.media_id, c.name, excerpt.start, excerpt.end, text, ranked.score, numbers, c.id)


def _found(ranked: Ranked) -> Found:
    c = ranked.candidate
    text = lay_out(ranked.segments).text
    passage = Passage(
        c.id, c.media_id, c.transcript_id, c.n, c.start, c.end, c.first_segment, c.last_segment, text
    )  # fmt: skip
    return Found(passage, c.name, ranked.score, ranked.segments)
