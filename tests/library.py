"""Puts media, transcripts, segments and passages into a test database without decoding or recognising anything."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from videochat.passages.service import PassageService
from videochat.store.session import Database
from videochat.store.tables import MediaRow, SegmentRow, TranscriptRow
from videochat.transcripts.segment import NumberedSegment

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def spoken(*texts: str, first: int = 0, seconds: float = 5.0) -> list[NumberedSegment]:
    """Return segments that follow each other, each `seconds` long, numbered from `first`."""
    return [
        NumberedSegment(n * seconds, (n + 1) * seconds, text, n=n) for n, text in enumerate(texts, first)
    ]  # fmt: skip


async def add_media(database: Database, media_id: str, *, owner: str = "local", duration: float | None = 600.0) -> None:
    """Store a medium named after its id."""
    async with database.write() as session:
        session.add(
            MediaRow(
                id=media_id, owner=owner, name=f"{media_id}.mp4", kind="video", mime="video/mp4", size=1,
                sha256=(media_id + owner).ljust(64, "0"), duration=duration, status="ready",
                created_at=EPOCH, updated_at=EPOCH,
            )
        )  # fmt: skip


async def come_here(database: Database, media_id: str) -> None:
    """Let a medium that is expected have come."""
    async with database.write() as session:
        await session.execute(update(MediaRow).where(MediaRow.id == media_id).values(status="ready"))


async def add_transcript(
    database: Database,
    media_id: str,
    segments: Sequence[NumberedSegment],
    *,
    transcript_id: str | None = None,
    status: str = "complete",
    age: int = 0,
    passages: PassageService | None = None,
) -> str:
    """Store a transcript of one window with its passages and return its id; a larger age makes it older."""
    transcript_id = transcript_id or f"tr_{media_id}"
    async with database.write() as session:
        session.add(
            TranscriptRow(
                id=transcript_id, media_id=media_id, engine="test", model="test", language="en", basic=False,
                status=status, transcribed=segments[-1].end, windows=1, segments=len(segments),
                created_at=EPOCH - timedelta(hours=age),
            )
        )  # fmt: skip
        await session.flush()
        for s in segments:
            session.add(
                SegmentRow(
                    transcript_id=transcript_id, n=s.n, window=0, start=s.start, end=s.end, text=s.text,
                    speaker=None, confidence=None, words=None,
                )
            )  # fmt: skip
        await session.flush()
        await (passages or PassageService(database)).add(
            session, media_id=media_id, transcript_id=transcript_id, window=0, segments=segments
        )
    return transcript_id


async def add_recording(database: Database, media_id: str, *texts: str, owner: str = "local") -> None:
    """Store a medium with a complete transcript of these sentences, five seconds each."""
    await add_media(database, media_id, owner=owner)
    await add_transcript(database, media_id, spoken(*texts))
