"""Vectors of passages, for search by meaning."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

COUNTER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "vectors",
        sa.Column("passage_id", COUNTER, nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("transcript_id", sa.String(length=40), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("passage_id", "model", name="pk_vectors"),
        sa.ForeignKeyConstraint(
            ["passage_id"], ["passages.id"], name="fk_vectors_passage_id_passages", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_vectors_model_transcript", "vectors", ["model", "transcript_id"])
    op.create_index("ix_vectors_digest_model", "vectors", ["digest", "model"])
