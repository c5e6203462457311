"""The queries of vectors. A vector goes with its passage; the same text in another passage takes it over before that."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from videochat.passages.meaning import Progress
from videochat.store.tables import PassageRow, TranscriptRow, VectorRow
from videochat.store.upsert import upsert


@dataclass(frozen=True, slots=True)
class Bare:
    """A passage that has no vector of a model yet."""

    id: int
    transcript_id: str
    text: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()


async def progress(session: AsyncSession, model: str) -> Progress:
    """Return how many passages there are and how many of them have a vector of the model."""
    passages = await session.scalar(select(func.count()).select_from(PassageRow)) or 0
    embedded = await session.scalar(select(func.count()).select_from(VectorRow).where(VectorRow.model == model)) or 0
    return Progress(passages, embedded)


async def bare(session: AsyncSession, model: str, limit: int) -> list[Bare]:
    """Return passages without a vector of the model, the newest first."""
    lacks = _columns().outerjoin(
        VectorRow, and_(VectorRow.passage_id == PassageRow.id, VectorRow.model == model)
    )  # fmt: skip
    rows = await session.execute(
        lacks.where(VectorRow.passage_id.is_(None)).order_by(PassageRow.id.desc()).limit(limit)
    )
    return [Bare(*row) for row in rows]


async def of_window(session: AsyncSession, transcript_id: str, window: int) -> list[Bare]:
    here = and_(PassageRow.transcript_id == transcript_id, PassageRow.window == window)
    return [Bare(*row) for row in await session.execute(_columns().where(here))]


def _columns() -> Select[int, str, str]:
    return select(PassageRow.id, PassageRow.transcript_id, PassageRow.text)


async def known(session: AsyncSession, model: str, digests: Collection[str]) -> dict[str, bytes]:
    """Return the vectors that other passages with these texts have, by the digest of the text."""
    same = and_(VectorRow.digest.in_(digests), VectorRow.model == model)
    rows = await session.execute(
        select(VectorRow.digest, func.min(VectorRow.passage_id)).where(same).group_by(VectorRow.digest)
    )
    first = [passage for _, passage in rows]
    if not first:
        return {}
    here = and_(VectorRow.passage_id.in_(first), VectorRow.model == model)
    return {
        row.digest: row.vector for row in await session.execute(select(VectorRow.digest, VectorRow.vector).where(here))
    }


async def store(session: AsyncSession, model: str, passages: Sequence[Bare], vectors: Mapping[str, bytes]) -> int:
    """Store the vectors, by digest, of those passages that are still there; return how many have one now."""
    # SQLite gives the id of what was deleted last to what comes next, so the transcript is asked for too.
    there = select(PassageRow.id, PassageRow.transcript_id).where(PassageRow.id.in_([one.id for one in passages]))
    found = {
        (row.id, row.transcript_id) for row in await session.execute(there.with_for_update(key_share=True, read=True))
    }
    rows = [
        {"passage_id": one.id, "model": model, "transcript_id": one.transcript_id, "digest": one.digest,
         "vector": vectors[one.digest]}
        for one in passages if (one.id, one.transcript_id) in found and one.digest in vectors
    ]  # fmt: skip
    if rows:
        await session.execute(upsert(session, VectorRow).on_conflict_do_nothing(), rows)
    return len(rows)


async def counts(session: AsyncSession, model: str) -> dict[str, int]:
    """Return how many vectors of the model each transcript has, the newest transcript first."""
    rows = await session.execute(
        select(VectorRow.transcript_id, func.count().label("vectors"))
        .join(TranscriptRow, TranscriptRow.id == VectorRow.transcript_id)
        .where(VectorRow.model == model)
        .group_by(VectorRow.transcript_id, TranscriptRow.created_at)
        .order_by(TranscriptRow.created_at.desc(), VectorRow.transcript_id)
    )
    return {row.transcript_id: row.vectors for row in rows}


async def width(session: AsyncSession, model: str) -> int:
    """Return how many bytes a vector of the model has, as one of them shows; 0 without any."""
    few = select(VectorRow.vector).where(VectorRow.model == model).limit(10).subquery()
    return await session.scalar(select(func.max(func.length(few.c.vector)))) or 0


async def of_transcript(session: AsyncSession, model: str, transcript_id: str) -> list[tuple[int, bytes]]:
    """Return the passages' ids and vectors."""
    here = and_(VectorRow.model == model, VectorRow.transcript_id == transcript_id)
    rows = await session.execute(select(VectorRow.passage_id, VectorRow.vector).where(here))
    return [(row.passage_id, row.vector) for row in rows]
