"""Tasks, fair shares and progress of jobs, chores and leftovers; artefacts know the content that they came from.

Only adds: a process of the version before goes on working on the new schema while a cluster is being updated.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

# A job of the version before starts from its decoding again and finds there what it had finished.
TASKS_OF_LIVE_JOBS = """
INSERT INTO tasks (id, job_id, attempt, kind, n, queue, owner, priority, tries, failures, not_before, created_at)
SELECT id || '.' || attempts || '.decode.0', id, attempts, 'decode', 0, 'decode', owner,
  CASE priority WHEN 'urgent' THEN 0 WHEN 'high' THEN 1 WHEN 'normal' THEN 2 ELSE 3 END, 0, 0, created_at, created_at
FROM jobs WHERE status IN ('queued', 'running')
"""


def upgrade() -> None:
    _add_tasks()
    _add_shares_and_hearings()
    _extend_jobs()
    _add_housekeeping()
    op.add_column("artefacts", sa.Column("subject", sa.String(length=64), nullable=True))
    op.create_index("ix_artefacts_subject", "artefacts", ["subject"])
    op.execute(TASKS_OF_LIVE_JOBS)
    op.execute("INSERT INTO shares (owner, served) SELECT DISTINCT owner, 0 FROM tasks")


def _add_tasks() -> None:
    op.create_table(
        "tasks",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("queue", sa.String(length=16), nullable=False),
        sa.Column("owner", sa.String(length=80), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("worker", sa.String(length=80), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tasks"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_tasks_job_id_jobs", ondelete="CASCADE"),
    )
    op.create_index("ix_tasks_queue", "tasks", ["queue", "worker", "priority"])
    for column in ("job_id", "owner", "worker"):
        op.create_index(f"ix_tasks_{column}", "tasks", [column])


def _add_shares_and_hearings() -> None:
    op.create_table(
        "shares",
        sa.Column("owner", sa.String(length=80), nullable=False),
        sa.Column("served", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner", name="pk_shares"),
    )
    op.create_table(
        "hearings",
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "n", name="pk_hearings"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_hearings_job_id_jobs", ondelete="CASCADE"),
    )


def _add_housekeeping() -> None:
    op.create_table(
        "leftovers",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_leftovers"),
    )
    op.create_table(
        "chores",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_chores"),
    )


def _extend_jobs() -> None:
    op.add_column("jobs", sa.Column("work", sa.String(length=64), nullable=True))
    op.add_column("jobs", sa.Column("windows", sa.Integer(), nullable=True))
    op.add_column("jobs", sa.Column("audio_seconds", sa.Double(), nullable=True))
    op.add_column("jobs", sa.Column("rate", sa.Double(), nullable=True))
    op.add_column("jobs", sa.Column("rated_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_jobs_work", "jobs", ["work"])
