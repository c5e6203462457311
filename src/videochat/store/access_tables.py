"""The tables of accounts and of who may do what. Only the store and the repository of `access` import this module."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from videochat.store.tables import Base, Counter


class UserRow(Base):
    """An account. `handle` is the name as it is compared; `subject` is who it is at the identity provider."""

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    handle: Mapped[str] = mapped_column(String(80), unique=True)
    role: Mapped[str] = mapped_column(String(16))
    password: Mapped[str | None] = mapped_column(Text)
    subject: Mapped[str | None] = mapped_column(String(64), unique=True)
    disabled: Mapped[bool]
    quotas: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class SessionRow(Base):
    """A browser in which somebody is signed in; `id` is the hash of its cookie."""

    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    address: Mapped[str] = mapped_column(String(80))
    agent: Mapped[str] = mapped_column(String(200))


class KeyRow(Base):
    """A key for programs. Its `user_id` need not be an account: without accounts all keys are the local user's."""

    __tablename__ = "keys"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(80), index=True)
    name: Mapped[str] = mapped_column(String(80))
    prefix: Mapped[str] = mapped_column(String(16))
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[Any]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]


class GrantRow(Base):
    """A medium that its owner lets somebody else read."""

    __tablename__ = "grants"
    __table_args__ = (Index("ix_grants_user_created", "user_id", "created_at", "media_id"),)

    media_id: Mapped[str] = mapped_column(ForeignKey("media.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    created_at: Mapped[datetime]


class LinkRow(Base):
    """A link with which whoever has it reads a medium, until then."""

    __tablename__ = "links"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    media_id: Mapped[str] = mapped_column(ForeignKey("media.id", ondelete="CASCADE"), index=True)
    prefix: Mapped[str] = mapped_column(String(16))
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class AuditRow(Base):
    """Something that somebody did to accounts, rights, settings or recordings, or tried to."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(Counter, primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    actor: Mapped[str] = mapped_column(String(80), index=True)
    action: Mapped[str] = mapped_column(String(40))
    target: Mapped[str] = mapped_column(String(200))
    outcome: Mapped[str] = mapped_column(String(40))
    address: Mapped[str] = mapped_column(String(80))
    request_id: Mapped[str | None] = mapped_column(String(80))


class AttemptRow(Base):
    """How often somebody failed to sign in of late: under a name, or from an address."""

    __tablename__ = "attempts"

    who: Mapped[str] = mapped_column(String(100), primary_key=True)
    failures: Mapped[int]
    since: Mapped[datetime] = mapped_column(index=True)


class UsageRow(Base):
    """What somebody used up in a month (UTC), in seconds of recordings and in tokens of the language model."""

    __tablename__ = "usage"

    user_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    month: Mapped[str] = mapped_column(String(7), primary_key=True)
    audio_seconds: Mapped[float]
    tokens: Mapped[int] = mapped_column(BigInteger)
