"""What can be done with passages: add those of a window, search them, retrieve what a question needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from videochat.errors import TooLargeError
from videochat.ops.actor import Actor
from videochat.passages import repository
from videochat.passages.analyse import terms
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
class Hit:
    """A place that fits a query: the segments between `start` and `end` seconds.

    `text` is HTML with everything escaped but <mark> around the query's words; `segments` are their numbers,
    `passage` is the id of the passage around them.
    """

    media_id: str
    name: str
    start: float
    end: float
    text: str
    score: float
    segments: tuple[int, ...]
    passage: int


@dataclass(frozen=True, slots=True)
class Found:
    """A passage that may answer a question, with its medium's name and its segments."""

    passage: Passage
    name: str
    score: float
    segments: tuple[NumberedSegment, ...]


class PassageService:
    """Passages grow with every window; search sees for each medium its newest transcript that has any."""

    def __init__(self, database: Database) -> None:
        self._database = database

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

    async def retire(self, session: AsyncSession, media_id: str, *, keep: str) -> None:
        """Remove the passages of the medium's other transcripts, once the transcript `keep` is complete."""
        await repository.delete_others(session, media_id, keep)

    async def search(self, actor: Actor, query: str, *, media: list[str] | None = None, limit: int = 20) -> list[Hit]:
        """Return the places where all words of the query were said; if there are none, where some were.

        Where they were said as in the query comes first, then where more of them were; apart from that the recordings
        follow each other by their score, and the places of one by their time. Only media that the actor may read are searched, or
        of these only the ones named. Raises TooLargeError for a query of more than 1000 characters.
        """
        if len(query) > MAX_QUERY:
            raise TooLargeError(f"The query is too long: search for at most {MAX_QUERY} characters.")
        scope = Scope(actor, None if media is None else tuple(media))
        limit = max(1, min(limit, MAX_HITS))
        async with self._database.read() as session:
            found, weights = await rank(session, scope, query_terms(query), "all", limit, phrase=terms(query))
            if not found:
                found, weights = await rank(session, scope, content_terms(query), "any", limit)
        return _hits(found, weights, terms(query))[:limit]

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
        async with self._database.read() as session:
            found, _ = await rank(session, scope, content_terms(question), "any", limit)
        return [_found(ranked) for ranked in found]


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
