"""Queries about transcripts and their segments; the only file of this stage that touches tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from videochat.errors import ConflictError, NotFoundError
from videochat.ops.actor import Actor
from videochat.store.readable import readable
from videochat.store.tables import MediaRow, SegmentRow, TranscriptRow
from videochat.store.upsert import upsert
from videochat.transcripts.segment import NumberedSegment, Segment, Status, Transcript, Word


async def create(session: AsyncSession, transcript_id: str, **columns: Any) -> None:
    """Add an empty transcript unless it is there; one that failed goes on where it stopped."""
    insertion = upsert(session, TranscriptRow).values(
        id=transcript_id,
        status="partial",
        transcribed=0.0,
        windows=0,
        segments=0,
        created_at=datetime.now(UTC),
        **columns,
    )
    await session.execute(insertion.on_conflict_do_nothing())
    failed = (TranscriptRow.id == transcript_id) & (TranscriptRow.status == "failed")
    await session.execute(update(TranscriptRow).where(failed).values(status="partial"))


async def get(session: AsyncSession, transcript_id: str) -> Transcript | None:
    row = await session.get(TranscriptRow, transcript_id)
    return None if row is None else _transcript(row)


async def windows(session: AsyncSession, transcript_id: str) -> int:
    """Return how many windows the transcript has, 0 when there is no transcript."""
    return await session.scalar(select(TranscriptRow.windows).where(TranscriptRow.id == transcript_id)) or 0


async def newest(session: AsyncSession, actor: Actor, media_id: str) -> Transcript | None:
    """Return the newest transcript of the actor's medium that has segments, else its newest, else None."""
    row = await session.scalar(
        select(TranscriptRow)
        .join(MediaRow, MediaRow.id == TranscriptRow.media_id)
        .where(MediaRow.id == media_id, readable(actor))
        .order_by((TranscriptRow.segments > 0).desc(), TranscriptRow.created_at.desc(), TranscriptRow.id.desc())
        .limit(1)
    )
    return None if row is None else _transcript(row)


async def append(
    session: AsyncSession,
    transcript_id: str,
    window: int,
    segments: Sequence[Segment],
    *,
    transcribed: float,
    language: str | None,
) -> range:
    """Add the segments of the next window and return their numbers; a window that is there already stays as it is.

    Raises NotFoundError, and ConflictError when a window before this one is missing.
    """
    row = await session.get(TranscriptRow, transcript_id, with_for_update=True)
    if row is None:
        raise NotFoundError("There is no such transcript; its recording may have been deleted.")
    if window < row.windows:
        return await _range_of(session, transcript_id, window)
    if window > row.windows:
        raise ConflictError(f"Window {window} cannot be added before window {row.windows}.")
    numbers = range(row.segments, row.segments + len(segments))
    if segments:
        await session.execute(insert(SegmentRow), [
            _segment_columns(transcript_id, window, n, segment) for n, segment in zip(numbers, segments, strict=True)
        ])  # fmt: skip
    row.windows, row.segments = window + 1, numbers.stop
    row.transcribed = max(row.transcribed, transcribed)
    row.language = row.language or language
    await session.flush()
    return numbers


async def set_status(session: AsyncSession, transcript_id: str, status: Status) -> None:
    await session.execute(update(TranscriptRow).where(TranscriptRow.id == transcript_id).values(status=status))


async def page(
    session: AsyncSession, transcript_id: str, after: int, limit: int, between: tuple[float, float] | None = None
) -> list[NumberedSegment]:
    """Return up to `limit` segments with n > after, in order: all, or those said in part between these seconds."""
    query = select(SegmentRow).where(SegmentRow.transcript_id == transcript_id, SegmentRow.n > after)
    if between is not None:
        query = query.where(SegmentRow.end > between[0], SegmentRow.start < between[1])
    rows = await session.scalars(query.order_by(SegmentRow.n).limit(limit))
    return [_segment(row) for row in rows]


async def _range_of(session: AsyncSession, transcript_id: str, window: int) -> range:
    async def count(condition: Any) -> int:
        query = select(func.count()).select_from(SegmentRow).where(SegmentRow.transcript_id == transcript_id, condition)
        return await session.scalar(query) or 0

    first = await count(SegmentRow.window < window)
    return range(first, first + await count(SegmentRow.window == window))


def _segment_columns(transcript_id: str, window: int, n: int, segment: Segment) -> dict[str, Any]:
    return {
        "transcript_id": transcript_id,
        "n": n,
        "window": window,
        "start": segment.start,
        "end": segment.end,
        "text": segment.text,
        "speaker": segment.speaker,
        "confidence": segment.confidence,
        "words": [word.to_json() for word in segment.words],
    }


def _segment(row: SegmentRow) -> NumberedSegment:
    words = tuple(Word.from_json(word) for word in row.words or ())
    return NumberedSegment(row.start, row.end, row.text, words, row.speaker, row.confidence, n=row.n)


def _transcript(row: TranscriptRow) -> Transcript:
    return Transcript(
        id=row.id,
        media_id=row.media_id,
        engine=row.engine,
        model=row.model,
        language=row.language,
        basic=row.basic,
        status=row.status,  # type: ignore[arg-type]  # only set_status and create write it
        transcribed=row.transcribed,
        windows=row.windows,
        segments=row.segments,
        created_at=row.created_at,
    )
