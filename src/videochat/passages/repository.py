"""The queries of passages. The search index follows the table by itself (store/search_ddl.py)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, delete, exists, func, insert, literal, or_, select, text, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from videochat.ops.actor import Actor
from videochat.passages.analyse import terms
from videochat.passages.index import matching
from videochat.passages.split import Draft
from videochat.store.readable import readable
from videochat.store.tables import MediaRow, PassageRow, SegmentRow, TranscriptRow
from videochat.transcripts.segment import NumberedSegment, Word

CANDIDATES = 200


@dataclass(frozen=True, slots=True)
class Scope:
    """What may be searched: the media that somebody may read, or only some of them."""

    actor: Actor
    media: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A passage that may fit a query, with what its rank depends on."""

    id: int
    media_id: str
    name: str
    transcript_id: str
    n: int
    start: float
    end: float
    first_segment: int
    last_segment: int
    terms: str


async def has_window(session: AsyncSession, transcript_id: str, window: int) -> bool:
    here = and_(PassageRow.transcript_id == transcript_id, PassageRow.window == window)
    return bool(await session.scalar(select(exists().where(here))))


async def insert_drafts(
    session: AsyncSession, *, media_id: str, transcript_id: str, window: int, drafts: Sequence[Draft]
) -> None:
    """Store the passages of a window behind those that the transcript has."""
    newest = select(func.max(PassageRow.n)).where(PassageRow.transcript_id == transcript_id)
    last = await session.scalar(newest)
    first = 0 if last is None else last + 1
    rows = []
    for n, draft in enumerate(drafts, first):
        found = terms(draft.text)
        rows.append({
            "transcript_id": transcript_id, "media_id": media_id, "n": n, "window": window,
            "start": draft.start, "end": draft.end,
            "first_segment": draft.segments[0].n, "last_segment": draft.segments[-1].n,
            "text": draft.text, "terms": " ".join(found), "length": len(found),
        })  # fmt: skip
    if rows:
        await session.execute(insert(PassageRow), rows)


async def delete_others(session: AsyncSession, media_id: str, keep: str) -> None:
    await session.execute(delete(PassageRow).where(PassageRow.media_id == media_id, PassageRow.transcript_id != keep))


async def use_the_index(session: AsyncSession) -> None:
    """Keep PostgreSQL from reading the whole table for common words, until the end of the transaction.

    Its planner does not know that making a tsvector of each row takes a hundred times as long as looking it up.
    """
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(text("SET LOCAL enable_seqscan = off"))


async def count(session: AsyncSession) -> int:
    """Return about how many passages there are: exact unless some were deleted, and as fast for a million."""
    return await session.scalar(select(func.max(PassageRow.id))) or 0


async def frequencies(session: AsyncSession, wanted: Sequence[str], cap: int) -> dict[str, int]:
    """Return in how many passages each term stands, counted up to the cap, so that common terms cost no more."""
    dialect = session.get_bind().dialect.name
    parts = []
    for i, term in enumerate(wanted):
        found = matching(dialect, [term]).limit(cap).subquery()
        parts.append(select(literal(i).label("i"), func.count().label("n")).select_from(found))
    rows = await session.execute(union_all(*parts))
    return {wanted[i]: n for i, n in rows}


async def with_all(session: AsyncSession, scope: Scope, wanted: Sequence[str]) -> list[Candidate]:
    """Return passages that hold every term, the newest first."""
    found = matching(session.get_bind().dialect.name, wanted).subquery()
    # Ordered by the index's own id, SQLite reads it backwards and stops early: 0.2 ms instead of 80 for a common word.
    query = _candidates(scope).join(found, found.c.id == PassageRow.id).order_by(found.c.id.desc())
    rows = await session.execute(query.limit(CANDIDATES))
    return [Candidate(**row) for row in rows.mappings()]


async def with_any(session: AsyncSession, scope: Scope, weights: Mapping[str, float]) -> list[Candidate]:
    """Return the passages whose terms weigh most, heaviest first."""
    dialect = session.get_bind().dialect.name
    # Whole numbers add up to the same sum in every order, so both databases rank alike.
    parts = [
        select(found.c.id, literal(round(weight * 1000)).label("weight"))
        for found, weight in ((matching(dialect, [term]).subquery(), weight) for term, weight in weights.items())
    ]
    found = union_all(*parts).subquery()
    ranked = (
        select(PassageRow.id, func.sum(found.c.weight).label("weight"))
        .join(found, found.c.id == PassageRow.id)
        .join(MediaRow, MediaRow.id == PassageRow.media_id)
        .where(*_inside(scope))
        .group_by(PassageRow.id)
        .order_by(func.sum(found.c.weight).desc(), PassageRow.id.desc())
        .limit(CANDIDATES)
        .subquery()
    )
    query = _candidates(scope).join(ranked, ranked.c.id == PassageRow.id)
    rows = await session.execute(query.order_by(ranked.c.weight.desc(), PassageRow.id.desc()))
    return [Candidate(**row) for row in rows.mappings()]


async def with_ids(session: AsyncSession, scope: Scope, ids: Collection[int]) -> dict[int, Candidate]:
    """Return those of the passages that are still there and may be read, by id."""
    rows = await session.execute(_candidates(scope).where(PassageRow.id.in_(ids)))
    return {row["id"]: Candidate(**row) for row in rows.mappings()}


async def spread(session: AsyncSession, scope: Scope, limit: int) -> list[Candidate]:
    """Return up to `limit` passages of the newest transcripts at even distances, in the order of their media."""
    media = scope.media or (await session.scalars(select(MediaRow.id).where(readable(scope.actor)))).all()
    current = await searched_transcripts(session, set(media))
    inside = (PassageRow.transcript_id.in_(current), *_inside(scope))
    order = select(PassageRow.id).join(MediaRow, MediaRow.id == PassageRow.media_id).where(*inside)
    ids = (await session.scalars(order.order_by(PassageRow.media_id, PassageRow.n))).all()
    step = max(1.0, len(ids) / limit)
    chosen = [ids[int(i * step)] for i in range(min(limit, len(ids)))]
    query = _candidates(scope).where(PassageRow.id.in_(chosen)).order_by(PassageRow.media_id, PassageRow.n)
    return [Candidate(**row) for row in (await session.execute(query)).mappings()]


def _candidates(scope: Scope) -> Select[int, str, str, str, int, float, float, int, int, str]:
    row = PassageRow
    columns = (row.id, row.media_id, MediaRow.name, row.transcript_id, row.n, row.start, row.end)
    return (
        select(*columns, row.first_segment, row.last_segment, row.terms)
        .join(MediaRow, MediaRow.id == row.media_id)
        .where(*_inside(scope))
    )


def _inside(scope: Scope) -> list[ColumnElement[bool]]:
    conditions = [readable(scope.actor)]
    if scope.media is not None:
        conditions.append(PassageRow.media_id.in_(scope.media))
    return conditions


async def searched_transcripts(session: AsyncSession, media_ids: set[str]) -> set[str]:
    """Return for each medium the id of its newest transcript that has passages: only this one is searched."""
    has_passages = exists().where(PassageRow.transcript_id == TranscriptRow.id)
    rows = await session.execute(
        select(TranscriptRow.media_id, TranscriptRow.id)
        .where(TranscriptRow.media_id.in_(media_ids), has_passages)
        .order_by(TranscriptRow.created_at, TranscriptRow.id)
    )
    return set({row.media_id: row.id for row in rows}.values())


async def all_searched_transcripts(session: AsyncSession, scope: Scope) -> set[str]:
    """Return the id of each transcript that is searched: of every medium in the scope the newest one that has passages."""
    inside = [readable(scope.actor)]
    if scope.media is not None:
        inside.append(MediaRow.id.in_(scope.media))
    rows = await session.execute(
        select(TranscriptRow.media_id, TranscriptRow.id)
        .join(MediaRow, MediaRow.id == TranscriptRow.media_id)
        .where(*inside, exists().where(PassageRow.transcript_id == TranscriptRow.id))
        .order_by(TranscriptRow.created_at, TranscriptRow.id)
    )
    return set({row.media_id: row.id for row in rows}.values())


async def segments_of(session: AsyncSession, candidates: Sequence[Candidate]) -> dict[int, list[NumberedSegment]]:
    """Return the segments of each passage, by the passage's id."""
    if not candidates:
        return {}
    ranges = [
        and_(SegmentRow.transcript_id == c.transcript_id, SegmentRow.n.between(c.first_segment, c.last_segment))
        for c in candidates
    ]
    rows = (await session.scalars(select(SegmentRow).where(or_(*ranges)).order_by(SegmentRow.n))).all()
    return {
        c.id: [
            _segment(row)
            for row in rows
            if row.transcript_id == c.transcript_id and c.first_segment <= row.n <= c.last_segment
        ]
        for c in candidates
    }


def _segment(row: SegmentRow) -> NumberedSegment:
    words = tuple(Word.from_json(word) for word in row.words or ())
    return NumberedSegment(row.start, row.end, row.text, words, row.speaker, row.confidence, n=row.n)
