"""Passages that mean what a query means, and how they and what the words found become one order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from videochat.passages import repository
from videochat.passages.fusion import fused, in_one_order, places_of
from videochat.passages.hit import Hit
from videochat.passages.meaning import Aim
from videochat.passages.passage import lay_out
from videochat.passages.repository import Scope
from videochat.passages.search import Ranked
from videochat.passages.snippet import marked
from videochat.store.session import Database


async def neighbours(database: Database, aim: Aim, scope: Scope, limit: int) -> list[Ranked]:
    """Return up to `limit` passages that are near, the nearest first.

    Only what the actor may read is compared, so that much that others have takes no place away; and the database is asked once
    more for what was found: what is in memory may be a few seconds old.
    """
    async with database.read() as session:
        transcripts = await repository.all_searched_transcripts(session, scope)
    near = await aim.nearest(transcripts, limit)
    if not near:
        return []
    async with database.read() as session:
        there = await repository.with_ids(session, scope, [one.passage for one in near])
        # SQLite gives the id of what was deleted last to what comes next, but no transcript's id twice.
        found = [(there[one.passage], one.score) for one in near if _same(there.get(one.passage), one.transcript)]
        segments = await repository.segments_of(session, [candidate for candidate, _ in found])
    return [Ranked(c, score, tuple(segments[c.id])) for c, score in found if segments[c.id]]


def _same(candidate: repository.Candidate | None, transcript: str) -> bool:
    return candidate is not None and candidate.transcript_id == transcript


def fused_hits(hits: Sequence[Hit], near: Sequence[Ranked]) -> list[Hit]:
    """Return the hits of the words, each of which gains by how near its passage is, and those by meaning alone, best first."""
    order = places_of([ranked.candidate.id for ranked in near])
    scored = [replace(hit, score=fused(place, order.get(hit.passage))) for place, hit in enumerate(hits, 1)]
    named = {hit.passage for hit in hits}
    alone = [ranked for ranked in near if ranked.candidate.id not in named]
    scored += [_whole(ranked, fused(order[ranked.candidate.id])) for ranked in alone]
    return sorted(scored, key=lambda hit: -hit.score)


def fused_passages(words: Sequence[Ranked], near: Sequence[Ranked]) -> list[Ranked]:
    """Return the passages of both, best first."""
    known = {ranked.candidate.id: ranked for ranked in [*near, *words]}
    scores = in_one_order([one.candidate.id for one in words], [one.candidate.id for one in near])
    return [replace(known[passage], score=score) for passage, score in scores.items()]


def _whole(ranked: Ranked, score: float) -> Hit:
    """Return the passage as a hit, without marks: none of its words need be one of the query's."""
    c = ranked.candidate
    text = marked(lay_out(ranked.segments).text, {})
    return Hit(c.media_id, c.name, c.start, c.end, text, score, tuple(one.n for one in ranked.segments), c.id)
