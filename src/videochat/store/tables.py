"""The tables. Only the store and the stages' repositories import this module.

Times inside a recording are float seconds; moments are timezone-aware UTC. Ids are opaque strings.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Json = JSON().with_variant(JSONB(), "postgresql")
# SQLite counts only an INTEGER primary key up by itself.
Counter = BigInteger().with_variant(Integer(), "sqlite")


class Moment(TypeDecorator[datetime]):
    """A point in time, always UTC and always aware, also on SQLite, which forgets time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: Moment, dict[str, Any]: Json, list[Any]: Json}  # noqa: RUF012  # SQLAlchemy's way


class MediaRow(Base):
    """What the user gave: one row for each (owner, content)."""

    __tablename__ = "media"
    __table_args__ = (
        Index("ix_media_owner_created", "owner", "created_at", "id"),
        Index("uq_media_owner_sha256", "owner", "sha256", unique=True),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner: Mapped[str] = mapped_column(String(80))
    name: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(String(16))
    mime: Mapped[str] = mapped_column(String(120))
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    duration: Mapped[float | None]
    status: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class WindowRow(Base):
    """A piece of decoded audio; `plan` is the fingerprint of (content, cutting parameters)."""

    __tablename__ = "windows"

    plan: Mapped[str] = mapped_column(String(64), primary_key=True)
    n: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    start: Mapped[float]
    end: Mapped[float]
    blob: Mapped[str] = mapped_column(String(200))
    speech: Mapped[float]


class LeftoverRow(Base):
    """Content whose last medium was deleted: what was derived from it is removed, and looked for once more later."""

    __tablename__ = "leftovers"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[datetime]


class TranscriptRow(Base):
    """One transcription of one medium; the newest one is shown."""

    __tablename__ = "transcripts"
    __table_args__ = (Index("ix_transcripts_media_created", "media_id", "created_at"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    media_id: Mapped[str] = mapped_column(ForeignKey("media.id", ondelete="CASCADE"))
    engine: Mapped[str] = mapped_column(String(80))
    model: Mapped[str] = mapped_column(String(200))
    language: Mapped[str | None] = mapped_column(String(16))
    basic: Mapped[bool]
    status: Mapped[str] = mapped_column(String(16))
    transcribed: Mapped[float]
    windows: Mapped[int]
    segments: Mapped[int]
    created_at: Mapped[datetime]


class SegmentRow(Base):
    """Something that was said, from `start` to `end`; `n` counts from 0 without gaps."""

    __tablename__ = "segments"

    transcript_id: Mapped[str] = mapped_column(ForeignKey("transcripts.id", ondelete="CASCADE"), primary_key=True)
    n: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    window: Mapped[int]
    start: Mapped[float]
    end: Mapped[float]
    text: Mapped[str] = mapped_column(Text)
    speaker: Mapped[str | None] = mapped_column(String(120))
    confidence: Mapped[float | None]
    words: Mapped[list[Any] | None]


class PassageRow(Base):
    """About three quarters of a minute of transcript, findable through `terms` (the analyser's output)."""

    __tablename__ = "passages"
    __table_args__ = (
        Index("ix_passages_media", "media_id"),
        Index("uq_passages_transcript_n", "transcript_id", "n", unique=True),
    )

    id: Mapped[int] = mapped_column(Counter, primary_key=True)
    transcript_id: Mapped[str] = mapped_column(ForeignKey("transcripts.id", ondelete="CASCADE"))
    media_id: Mapped[str] = mapped_column(ForeignKey("media.id", ondelete="CASCADE"))
    n: Mapped[int]
    window: Mapped[int]
    start: Mapped[float]
    end: Mapped[float]
    first_segment: Mapped[int]
    last_segment: Mapped[int]
    text: Mapped[str] = mapped_column(Text)
    terms: Mapped[str] = mapped_column(Text)
    length: Mapped[int]


class VectorRow(Base):
    """What a passage means to a model, one byte a dimension; empty where the model takes no such text.

    `model` is the fingerprint of embedder and model, `digest` the sha256 of the passage's text: the same text has the same vector.
    """

    __tablename__ = "vectors"
    __table_args__ = (
        Index("ix_vectors_model_transcript", "model", "transcript_id"),
        Index("ix_vectors_digest_model", "digest", "model"),
    )

    passage_id: Mapped[int] = mapped_column(ForeignKey("passages.id", ondelete="CASCADE"), primary_key=True)
    model: Mapped[str] = mapped_column(String(64), primary_key=True)
    transcript_id: Mapped[str] = mapped_column(String(40))
    digest: Mapped[str] = mapped_column(String(64))
    vector: Mapped[bytes] = mapped_column(LargeBinary)


class ConversationRow(Base):
    """A series of questions and their answers."""

    __tablename__ = "conversations"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner: Mapped[str] = mapped_column(String(80), index=True)
    title: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]


class AnswerRow(Base):
    """A question and what was answered, with its citations."""

    __tablename__ = "answers"
    __table_args__ = (Index("ix_answers_status", "status"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"), index=True)
    owner: Mapped[str] = mapped_column(String(80))
    question: Mapped[str] = mapped_column(Text)
    media: Mapped[list[Any] | None]
    status: Mapped[str] = mapped_column(String(16))
    text: Mapped[str] = mapped_column(Text)
    citations: Mapped[list[Any]]
    coverage: Mapped[dict[str, Any]]
    provider: Mapped[str] = mapped_column(String(80))
    model: Mapped[str | None] = mapped_column(String(200))
    usage: Mapped[dict[str, Any]]
    error: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class JobRow(Base):
    """Work that was asked for, as its owner sees it. `work` is the fingerprint of content and parameters."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_media_created", "media_id", "created_at"),
        Index("ix_jobs_status_changed", "status", "changed_at"),
        Index("ix_jobs_work", "work"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner: Mapped[str] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(40))
    media_id: Mapped[str] = mapped_column(ForeignKey("media.id", ondelete="CASCADE"))
    parameters: Mapped[dict[str, Any]]
    status: Mapped[str] = mapped_column(String(16))
    progress: Mapped[float]
    step: Mapped[str] = mapped_column(String(40))
    priority: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int]
    error: Mapped[dict[str, Any] | None]
    request_id: Mapped[str | None] = mapped_column(String(80))
    work: Mapped[str | None] = mapped_column(String(64))
    windows: Mapped[int | None]
    audio_seconds: Mapped[float | None]
    rate: Mapped[float | None]
    rated_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class TaskRow(Base):
    """A part of a job that waits in a queue (`worker` is NULL) or that a worker has taken.

    `not_before` keeps what failed a moment ago waiting.
    """

    __tablename__ = "tasks"
    __table_args__ = (Index("ix_tasks_queue", "queue", "worker", "priority"),)

    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), index=True)
    attempt: Mapped[int]
    kind: Mapped[str] = mapped_column(String(16))
    n: Mapped[int]
    queue: Mapped[str] = mapped_column(String(16))
    owner: Mapped[str] = mapped_column(String(80), index=True)
    priority: Mapped[int]
    tries: Mapped[int]
    failures: Mapped[int]
    not_before: Mapped[datetime]
    worker: Mapped[str | None] = mapped_column(String(80), index=True)
    created_at: Mapped[datetime]


class ShareRow(Base):
    """How many windows an owner has been given, in the virtual time of fair queueing."""

    __tablename__ = "shares"

    owner: Mapped[str] = mapped_column(String(80), primary_key=True)
    served: Mapped[int] = mapped_column(BigInteger)


class ChoreRow(Base):
    """Work that is due from time to time, and when it is due next; whoever moves the time on does it."""

    __tablename__ = "chores"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    due_at: Mapped[datetime]


class HearingRow(Base):
    """How many seconds of a window have been listened to for a job that is under way."""

    __tablename__ = "hearings"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    n: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seconds: Mapped[float]


class EventRow(Base):
    """Something that happened to a job, an answer or a medium; ids grow in the order of commits."""

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_stream", "stream", "id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Counter, primary_key=True)
    stream: Mapped[str] = mapped_column(String(80))
    owner: Mapped[str] = mapped_column(String(80))
    type: Mapped[str] = mapped_column(String(40))
    data: Mapped[dict[str, Any]]
    at: Mapped[datetime]


class ArtefactRow(Base):
    """A derived thing under the hash of everything it depends on; it goes with its `subject`, the content it came from."""

    __tablename__ = "artefacts"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str | None] = mapped_column(String(64), index=True)
    value: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class SettingRow(Base):
    """A setting changed while the service runs."""

    __tablename__ = "settings"

    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    value: Mapped[str] = mapped_column(Text)
    changed_at: Mapped[datetime]
    changed_by: Mapped[str] = mapped_column(String(80))


class ReportRow(Base):
    """What a process counted and uses, as it reported last; `retired` holds the counts of those that are no more."""

    __tablename__ = "reports"

    process: Mapped[str] = mapped_column(String(330), primary_key=True)
    started_at: Mapped[datetime]
    at: Mapped[datetime]
    totals: Mapped[dict[str, Any]]


class PointRow(Base):
    """How the whole was at a moment (Unix time, seconds): counts since ever, and what was in use."""

    __tablename__ = "points"

    at: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    values: Mapped[dict[str, Any]]


class AlertRow(Base):
    """How it is with a rule."""

    __tablename__ = "alerts"

    rule: Mapped[str] = mapped_column(String(80), primary_key=True)
    status: Mapped[str] = mapped_column(String(16))
    since: Mapped[datetime]
    held_at: Mapped[datetime | None]
    value: Mapped[float | None]
    silenced_until: Mapped[datetime | None]
    acknowledged_by: Mapped[str | None] = mapped_column(String(80))


class AlertEventRow(Base):
    """Something that happened to an alert."""

    __tablename__ = "alert_events"

    id: Mapped[int] = mapped_column(Counter, primary_key=True)
    rule: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime] = mapped_column(index=True)
    event: Mapped[str] = mapped_column(String(16))
    value: Mapped[float | None]
    by: Mapped[str | None] = mapped_column(String(80))


class WorkerRow(Base):
    """A process that works on jobs, and when it last said that it lives."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    host: Mapped[str] = mapped_column(String(255))
    pid: Mapped[int]
    started_at: Mapped[datetime]
    beat_at: Mapped[datetime] = mapped_column(index=True)
