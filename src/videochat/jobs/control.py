"""How a job's state may change, and the events that tell of it: the only place that writes a job's status."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from videochat.errors import ConflictError, NotFoundError
from videochat.jobs import repository
from videochat.jobs.job import FINAL, LIVE, Job, Run
from videochat.store import events


class SupersededError(ConflictError):
    """The job was cancelled, paused or started anew; this run must stop."""

    code = "superseded"


async def create(session: AsyncSession, job: Job) -> None:
    await repository.add(session, job)
    await _tell(session, job)


async def held(session: AsyncSession, run: Run) -> Job:
    """Lock and return the job if this run may still work on it. Raises SupersededError."""
    return await wanted(session, run, lock=True)


async def wanted(session: AsyncSession, run: Run, *, lock: bool = False) -> Job:
    """Return the job if this run may still work on it. Raises SupersededError."""
    job = await repository.get(session, run.job_id, lock=lock)
    if job is None or job.attempts != run.attempt or job.status not in LIVE:
        raise SupersededError
    return job


async def change(session: AsyncSession, job: Job, **values: Any) -> Job:
    """Write new values, tell everyone who follows the job, and return it as it is now."""
    await repository.change(session, job.id, **values)
    changed = replace(job, **values)
    await _tell(session, changed)
    return changed


async def start(session: AsyncSession, run: Run, step: str) -> Job:
    """Mark the job as running in this step; the first call notes when work began."""
    job = await held(session, run)
    return await change(session, job, status="running", step=step, started_at=job.started_at or _now())


async def end(session: AsyncSession, job: Job, status: str, *, error: dict[str, Any] | None = None) -> Job:
    """Mark the job as completed, failed or cancelled."""
    assert status in FINAL
    values: dict[str, Any] = {"status": status, "error": error, "finished_at": _now()}
    if status == "completed":
        values |= {"progress": 1.0, "step": "done"}
    return await change(session, job, **values)


async def owned(session: AsyncSession, owner: str, job_id: str) -> Job:
    """Lock and return a job of this owner. Raises NotFoundError, also for other people's jobs."""
    job = await repository.get(session, job_id, lock=True)
    if job is None or job.owner != owner:
        raise NotFoundError(f"There is no job {job_id}.")
    return job


async def _tell(session: AsyncSession, job: Job) -> None:
    stream = f"job:{job.id}"
    await events.append(session, stream, "job", job.as_json(), owner=job.owner)
    if job.status in FINAL:
        await events.append(session, stream, "end", job.as_json(), owner=job.owner)


def _now() -> datetime:
    return datetime.now(UTC)
