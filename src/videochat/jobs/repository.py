"""Queries on jobs and workers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from videochat.jobs.job import Job
from videochat.store.tables import JobRow, WorkerRow

COLUMNS = [getattr(JobRow, field.name) for field in fields(Job)]


async def add(session: AsyncSession, job: Job) -> None:
    values = {field.name: getattr(job, field.name) for field in fields(Job)}
    await session.execute(insert(JobRow).values(**values, changed_at=job.created_at))


async def get(session: AsyncSession, job_id: str, *, lock: bool = False) -> Job | None:
    """Return the job; with lock nobody else changes it until the transaction ends."""
    query = select(*COLUMNS).where(JobRow.id == job_id)
    row = (await session.execute(query.with_for_update() if lock else query)).first()
    return None if row is None else Job(*row)


async def change(session: AsyncSession, job_id: str, **values: Any) -> None:
    await session.execute(update(JobRow).where(JobRow.id == job_id).values(**values, changed_at=datetime.now(UTC)))


async def page(
    session: AsyncSession,
    owner: str,
    *,
    media_id: str | None,
    statuses: Collection[str],
    before: tuple[datetime, str] | None,
    limit: int,
) -> list[Job]:
    """Return an owner's jobs, newest first, from before a (created_at, id)."""
    query = select(*COLUMNS).where(JobRow.owner == owner)
    if media_id is not None:
        query = query.where(JobRow.media_id == media_id)
    if statuses:
        query = query.where(JobRow.status.in_(statuses))
    if before is not None:
        moment, job_id = before
        query = query.where((JobRow.created_at < moment) | ((JobRow.created_at == moment) & (JobRow.id < job_id)))
    rows = await session.execute(query.order_by(JobRow.created_at.desc(), JobRow.id.desc()).limit(limit))
    return [Job(*row) for row in rows]


async def newest(session: AsyncSession, media_ids: Sequence[str]) -> dict[str, Job]:
    """Return the newest job of each medium that has one."""
    ranked = (
        select(
            JobRow.id,
            func.row_number().over(partition_by=JobRow.media_id, order_by=JobRow.created_at.desc()).label("rank"),
        )
        .where(JobRow.media_id.in_(media_ids))
        .subquery()
    )
    query = select(*COLUMNS).join(ranked, ranked.c.id == JobRow.id).where(ranked.c.rank == 1)
    return {job.media_id: job for job in (Job(*row) for row in await session.execute(query))}


async def in_status(session: AsyncSession, statuses: Collection[str], limit: int) -> list[Job]:
    query = select(*COLUMNS).where(JobRow.status.in_(statuses)).order_by(JobRow.created_at).limit(limit)
    return [Job(*row) for row in await session.execute(query)]


async def recently_stopped(session: AsyncSession, since: datetime, limit: int) -> list[Job]:
    """Return jobs that people stopped after that moment, whose events say so."""
    query = select(*COLUMNS).where(JobRow.status.in_(("paused", "cancelled")), JobRow.changed_at >= since).limit(limit)
    return [Job(*row) for row in await session.execute(query)]


async def beat(session: AsyncSession, worker_id: str, *, host: str, pid: int, now: datetime) -> None:
    """Say that a worker lives."""
    upsert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    row = {"id": worker_id, "host": host, "pid": pid, "started_at": now, "beat_at": now}
    statement = upsert(WorkerRow).values(row)
    await session.execute(statement.on_conflict_do_update(index_elements=["id"], set_={"beat_at": now}))


async def workers(session: AsyncSession, since: datetime) -> list[tuple[str, str, int]]:
    """Return (id, host, pid) of the workers that said so since then."""
    rows = await session.execute(select(WorkerRow.id, WorkerRow.host, WorkerRow.pid).where(WorkerRow.beat_at >= since))
    return [(worker, host, pid) for worker, host, pid in rows]


async def forget_worker(session: AsyncSession, worker_id: str) -> None:
    await session.execute(delete(WorkerRow).where(WorkerRow.id == worker_id))


async def forget_workers(session: AsyncSession, before: datetime) -> None:
    await session.execute(delete(WorkerRow).where(WorkerRow.beat_at < before))
