"""How a job's state may change, and the events that tell of it: the only place that writes a job's status."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from videochat.errors import ConflictError, NotFoundError
from videochat.jobs import queues, repository
from videochat.jobs.job import FINAL, LIVE, Job, Run
from videochat.jobs.task import Task
from videochat.store import events

# Of the rate: about the last ten looks count. Windows end in bursts, and people want a number that stands still.
SMOOTHING = 0.2
QUIET_SECONDS = 0.5


class SupersededError(ConflictError):
    """The job was cancelled, paused or started anew; this run must stop."""

    code = "superseded"


async def create(session: AsyncSession, job: Job) -> None:
    """Store a new job and queue its first task."""
    await repository.add(session, job)
    await queues.offer(session, job, Task.first(job), _now())
    await _tell(session, job)


async def restart(session: AsyncSession, job: Job) -> Job:
    """Begin a new attempt, which finds what the earlier ones finished."""
    again: dict[str, Any] = {"status": "queued", "attempts": job.attempts + 1, "error": None, "finished_at": None}
    if job.is_import:  # what was fetched in part is fetched anew
        again["progress"] = 0.0
    job = await change(session, job, **again)
    await queues.offer(session, job, Task.first(job), _now())
    return job


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


async def step(session: AsyncSession, job: Job, name: str) -> Job:
    """Show the job as running in this step; the first call notes when work began. Showing it again tells nobody."""
    if (job.status, job.step) == ("running", name):
        return job
    return await change(session, job, status="running", step=name, started_at=job.started_at or _now())


async def progress(session: AsyncSession, job: Job) -> Job:
    """Tell how much has been listened to and how fast that goes; of several windows at a time one tells for all."""
    now = _now()
    passed = (now - (job.rated_at or now)).total_seconds()
    if not job.audio_seconds or passed < QUIET_SECONDS:
        return job
    # The end itself is only reached by `completed`.
    share = min(await repository.heard(session, job.id) / job.audio_seconds, 0.99)
    if share <= job.progress:
        return job
    rate = (share - job.progress) * job.audio_seconds / passed
    smooth = rate if job.rate is None else SMOOTHING * rate + (1 - SMOOTHING) * job.rate
    return await change(session, job, progress=share, rate=smooth, rated_at=now)


async def fetched(session: AsyncSession, job: Job, share: float) -> Job:
    """Tell which share of its recording has been fetched."""
    return job if share <= job.progress else await change(session, job, progress=min(share, 0.99))


async def end(session: AsyncSession, job: Job, status: str, *, error: dict[str, Any] | None = None) -> Job:
    """Mark the job as completed, failed or cancelled, and take its tasks away."""
    assert status in FINAL
    values: dict[str, Any] = {"status": status, "error": error, "finished_at": _now()}
    if status == "completed":
        values |= {"progress": 1.0, "step": "done"}
    await stop(session, job)
    await events.forget(session, stream_of(job.id), "job")  # the last state says all that those before said
    return await change(session, job, **values)


async def pause(session: AsyncSession, job: Job) -> Job:
    await stop(session, job)
    return await change(session, job, status="paused")


async def left_alone(session: AsyncSession, job_ids: Collection[str]) -> None:
    """Show those of the jobs on which nobody works any more as what they are: waiting for their turn."""
    for job_id in sorted(job_ids):
        job = await repository.get(session, job_id, lock=True)
        if job is not None and job.status == "running" and not await queues.is_attended(session, job_id):
            await change(session, job, status="queued", step="queued", rate=None, rated_at=None)


async def stop(session: AsyncSession, job: Job) -> None:
    """Take the job's tasks away from queues and workers."""
    await queues.remove(session, job.id)


async def owned(session: AsyncSession, owner: str, job_id: str) -> Job:
    """Lock and return a job of this owner. Raises NotFoundError, also for other people's jobs."""
    job = await repository.get(session, job_id, lock=True)
    if job is None or job.owner != owner:
        raise NotFoundError(f"There is no job {job_id}.")
    return job


def stream_of(job_id: str) -> str:
    """Return the name of the job's stream of events."""
    return f"job:{job_id}"


async def _tell(session: AsyncSession, job: Job) -> None:
    await events.append(session, stream_of(job.id), "job", job.as_json(), owner=job.owner)
    if job.status in FINAL:
        await events.append(session, stream_of(job.id), "end", job.as_json(), owner=job.owner)


def _now() -> datetime:
    return datetime.now(UTC)
