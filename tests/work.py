"""Puts jobs into a test database, and gives engines something to do."""

from __future__ import annotations

from datetime import UTC, datetime

from library import add_media
from videochat.jobs import control, queues, repository
from videochat.jobs.job import Job, Priority
from videochat.jobs.task import QUEUE_OF, Kind, Task
from videochat.store.session import Database


async def add_job(
    database: Database, name: str, *, owner: str = "local", priority: Priority = "normal", work: str | None = None
) -> Job:
    """Store a medium and a job for it, with its first task, and return the job."""
    await add_media(database, f"med_{name}", owner=owner)
    job = Job(
        id=f"job_{name}", owner=owner, kind="transcription", media_id=f"med_{name}", parameters={}, status="queued",
        progress=0.0, step="queued", priority=priority, attempts=1, error=None, request_id=None, work=work, windows=None,
        audio_seconds=600.0, rate=None, rated_at=None, created_at=datetime.now(UTC), started_at=None, finished_at=None,
    )  # fmt: skip
    async with database.write() as session:
        await control.create(session, job)
    return job


async def add_windows(database: Database, job: Job, *numbers: int) -> None:
    """Offer windows of the job, in this order."""
    for n in numbers:
        async with database.write() as session:
            await queues.offer(session, job, Task.of(job.run, "window", n), datetime.now(UTC))


async def take(database: Database, kind: Kind = "window", worker: str = "w") -> Task | None:
    """Take the next task of the queue of this kind of task."""
    async with database.write() as session:
        return await queues.take(session, QUEUE_OF[kind], worker, datetime.now(UTC))


async def job_now(database: Database, job: Job) -> Job:
    async with database.read() as session:
        found = await repository.get(session, job.id)
    assert found is not None
    return found


async def tasks_left(database: Database) -> int:
    async with database.read() as session:
        return sum((await queues.counts(session)).values())
