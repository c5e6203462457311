"""Accounts, sessions, keys, who may read what, what was done, and what was used up."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"

COUNTER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def _moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str, length: int, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.String(length=length), nullable=nullable)


def upgrade() -> None:
    _accounts()
    _sharing()
    _books()


def _accounts() -> None:
    op.create_table(
        "users",
        _text("id", 80), _text("name", 80), _text("handle", 80), _text("role", 16),
        sa.Column("password", sa.Text(), nullable=True), _text("subject", 64, nullable=True),
        sa.Column("disabled", sa.Boolean(), nullable=False), sa.Column("quotas", JSON, nullable=False),
        _moment("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("handle", name="uq_users_handle"),
        sa.UniqueConstraint("subject", name="uq_users_subject"),
    )  # fmt: skip
    op.create_table(
        "sessions",
        _text("id", 64), _text("user_id", 80), _moment("created_at"), _moment("seen_at"), _moment("expires_at"),
        _text("address", 80), _text("agent", 200),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sessions_user_id_users", ondelete="CASCADE"),
    )  # fmt: skip
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
    op.create_table(
        "keys",
        _text("id", 40), _text("user_id", 80), _text("name", 80), _text("prefix", 16), _text("hash", 64),
        sa.Column("scopes", JSON, nullable=False),
        _moment("created_at"), _moment("expires_at", nullable=True), _moment("used_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_keys"),
        sa.UniqueConstraint("hash", name="uq_keys_hash"),
    )  # fmt: skip
    op.create_index("ix_keys_user_id", "keys", ["user_id"])


def _sharing() -> None:
    op.create_table(
        "grants",
        _text("media_id", 40), _text("user_id", 80), _moment("created_at"),
        sa.PrimaryKeyConstraint("media_id", "user_id", name="pk_grants"),
        sa.ForeignKeyConstraint(["media_id"], ["media.id"], name="fk_grants_media_id_media", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_grants_user_id_users", ondelete="CASCADE"),
    )  # fmt: skip
    op.create_index("ix_grants_user_created", "grants", ["user_id", "created_at", "media_id"])
    op.create_table(
        "links",
        _text("id", 40), _text("media_id", 40), _text("prefix", 16), _text("hash", 64),
        _moment("created_at"), _moment("expires_at"),
        sa.PrimaryKeyConstraint("id", name="pk_links"),
        sa.UniqueConstraint("hash", name="uq_links_hash"),
        sa.ForeignKeyConstraint(["media_id"], ["media.id"], name="fk_links_media_id_media", ondelete="CASCADE"),
    )  # fmt: skip
    op.create_index("ix_links_media_id", "links", ["media_id"])
    op.create_index("ix_links_expires_at", "links", ["expires_at"])


def _books() -> None:
    op.create_table(
        "audit",
        sa.Column("id", COUNTER, nullable=False), _moment("at"), _text("actor", 80), _text("action", 40),
        _text("target", 200), _text("outcome", 40), _text("address", 80), _text("request_id", 80, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )  # fmt: skip
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_index("ix_audit_actor", "audit", ["actor"])
    op.create_table(
        "attempts",
        _text("who", 100), sa.Column("failures", sa.Integer(), nullable=False), _moment("since"),
        sa.PrimaryKeyConstraint("who", name="pk_attempts"),
    )  # fmt: skip
    op.create_index("ix_attempts_since", "attempts", ["since"])
    op.create_table(
        "usage",
        _text("user_id", 80), _text("month", 7),
        sa.Column("audio_seconds", sa.Double(), nullable=False), sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "month", name="pk_usage"),
    )  # fmt: skip
