"""The queries of answers and conversations. An answer ends once: whoever changes `running` first has ended it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import CursorResult, Text, delete, exists, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from videochat.answers.answer import Answer, Conversation, Coverage, Status
from videochat.answers.citations import Citation
from videochat.answers.provider import Turn
from videochat.ops.actor import Actor
from videochat.store.readable import readable
from videochat.store.tables import AnswerRow, ConversationRow, EventRow, MediaRow, TranscriptRow

LIBRARY = "library"


def stream_of(answer_id: str) -> str:
    """Return the name of the answer's stream of events."""
    return f"answer:{answer_id}"


async def insert_answer(session: AsyncSession, answer: Answer) -> None:
    session.add(
        AnswerRow(
            id=answer.id, conversation_id=answer.conversation_id, owner=answer.owner, question=answer.question,
            media=None if answer.media is None else list(answer.media), status=answer.status, text=answer.text,
            citations=[], coverage=dict(answer.coverage), provider=answer.provider, model=answer.model, usage={},
            error=None, created_at=answer.created_at, finished_at=None,
        )
    )  # fmt: skip
    await session.flush()


async def get(session: AsyncSession, answer_id: str, owner: str | None = None) -> Answer | None:
    row = await session.get(AnswerRow, answer_id)
    return _answer(row) if row is not None and owner in {None, row.owner} else None


async def is_running(session: AsyncSession, answer_id: str) -> bool:
    return await session.scalar(select(AnswerRow.status).where(AnswerRow.id == answer_id)) == "running"


async def change_running(session: AsyncSession, answer_id: str, **values: Any) -> bool:
    """Change the answer if it is still running and say whether it was."""
    result = await session.execute(
        update(AnswerRow).where(AnswerRow.id == answer_id, AnswerRow.status == "running").values(**values)
    )
    return cast("CursorResult[Any]", result).rowcount == 1


async def end(
    session: AsyncSession, answer_id: str, status: Status, *, error: dict[str, str] | None = None, **values: Any
) -> bool:
    """End the answer if it is still running and say whether it was."""
    return await change_running(
        session, answer_id, status=status, error=error, finished_at=datetime.now(UTC), **values
    )  # fmt: skip


async def left_running(session: AsyncSession, before: datetime) -> Sequence[str]:
    """Return the ids of answers that are running and have had no event since."""
    later = exists().where(EventRow.stream == "answer:" + AnswerRow.id, EventRow.at >= before)
    query = select(AnswerRow.id).where(AnswerRow.status == "running", AnswerRow.created_at < before, ~later)
    return (await session.scalars(query)).all()


async def unknown_media(session: AsyncSession, actor: Actor, media: Sequence[str]) -> list[str]:
    """Return those of the ids that are no media which the actor may read."""
    known = await session.scalars(select(MediaRow.id).where(readable(actor), MediaRow.id.in_(media)))
    return sorted(set(media) - set(known))


async def coverage(session: AsyncSession, actor: Actor, media: Sequence[str] | None) -> Coverage:
    """Return how much of the media could be read now."""
    inside = [readable(actor)] if media is None else [readable(actor), MediaRow.id.in_(media)]
    durations = {
        row.id: row.duration for row in await session.execute(select(MediaRow.id, MediaRow.duration).where(*inside))
    }
    rows = await session.execute(
        select(TranscriptRow.media_id, TranscriptRow.transcribed, TranscriptRow.status)
        .join(MediaRow, MediaRow.id == TranscriptRow.media_id)
        .where(*inside, TranscriptRow.segments > 0)
        .order_by(TranscriptRow.created_at, TranscriptRow.id)
    )
    newest = {row.media_id: (row.transcribed, row.status) for row in rows}
    known = [duration for duration in durations.values() if duration is not None]
    return Coverage(
        media=len(durations),
        duration=sum(known) if len(known) == len(durations) else None,
        transcribed=sum(transcribed for transcribed, _ in newest.values()),
        complete=len(newest) == len(durations) and all(status == "complete" for _, status in newest.values()),
        passages=0,
        uncited=0,
    )


async def insert_conversation(session: AsyncSession, owner: str, conversation: Conversation) -> None:
    values = {"id": conversation.id, "title": conversation.title, "created_at": conversation.created_at}
    await session.execute(insert(ConversationRow).values(owner=owner, **values))


async def conversation(session: AsyncSession, owner: str, conversation_id: str) -> Conversation | None:
    row = await session.get(ConversationRow, conversation_id)
    return _conversation(row) if row is not None and row.owner == owner else None


async def conversations(
    session: AsyncSession, owner: str, before: tuple[datetime, str] | None, limit: int, about: str | None = None
) -> list[Conversation]:
    """Return conversations of the owner, newest first, that are older than the moment and id.

    `about` keeps those with a question to this recording alone, or to all of them (LIBRARY).
    """
    query = select(ConversationRow).where(ConversationRow.owner == owner)
    if about is not None:
        # As text, because only PostgreSQL compares JSON values; both databases write a list of one id in the same way.
        asked = json.dumps(None if about == LIBRARY else [about])
        same = AnswerRow.media.cast(Text) == asked
        query = query.where(exists().where(AnswerRow.conversation_id == ConversationRow.id, same))
    if before is not None:
        query = query.where(tuple_(ConversationRow.created_at, ConversationRow.id) < before)
    query = query.order_by(ConversationRow.created_at.desc(), ConversationRow.id.desc()).limit(limit)
    return [_conversation(row) for row in await session.scalars(query)]


async def delete_conversation(session: AsyncSession, conversation_id: str) -> None:
    """Remove the conversation with its answers and their events."""
    ids = await session.scalars(select(AnswerRow.id).where(AnswerRow.conversation_id == conversation_id))
    await session.execute(delete(EventRow).where(EventRow.stream.in_([stream_of(answer_id) for answer_id in ids])))
    await session.execute(delete(ConversationRow).where(ConversationRow.id == conversation_id))


async def answers_of(session: AsyncSession, conversation_id: str) -> list[Answer]:
    """Return the answers of the conversation, oldest first."""
    query = select(AnswerRow).where(AnswerRow.conversation_id == conversation_id)
    return [_answer(row) for row in await session.scalars(query.order_by(AnswerRow.created_at, AnswerRow.id))]


async def turns_before(session: AsyncSession, answer: Answer, limit: int) -> list[Turn]:
    """Return the last completed turns of the answer's conversation, oldest first."""
    query = (
        select(AnswerRow.question, AnswerRow.text)
        .where(AnswerRow.conversation_id == answer.conversation_id, AnswerRow.status == "completed")
        .where(AnswerRow.created_at < answer.created_at)
        .order_by(AnswerRow.created_at.desc())
        .limit(limit)
    )
    return [Turn(row.question, row.text) for row in await session.execute(query)][::-1]


def _answer(row: AnswerRow) -> Answer:
    return Answer(
        id=row.id, conversation_id=row.conversation_id, owner=row.owner, question=row.question,
        media=None if row.media is None else tuple(row.media), status=cast("Status", row.status), text=row.text,
        citations=tuple(Citation.from_json(value) for value in row.citations),
        coverage=cast("Coverage", row.coverage), provider=row.provider, model=row.model, usage=row.usage,
        error=row.error, created_at=row.created_at, finished_at=row.finished_at,
    )  # fmt: skip


def _conversation(row: ConversationRow) -> Conversation:
    return Conversation(row.id, row.title, row.created_at)
