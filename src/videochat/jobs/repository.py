"""Queries on jobs and workers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, case, delete, exists, func, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from videochat.jobs.job import FINAL, LIVE, Job
from videochat.jobs.liveness import Beat
from videochat.jobs.task import Held
from videochat.media.media import Media
from videochat.store.access_tables import GrantRow
from videochat.store.tables import ChoreRow, HearingRow, JobRow, MediaRow, TaskRow, WorkerRow
from videochat.store.upsert import upsert

COLUMNS = [getattr(JobRow, field.name) for field in fields(Job)]
MEDIA_COLUMNS = [getattr(MediaRow, field.name) for field in fields(Media)]

_other = aliased(JobRow)
_newest = (
    select(_other.id)
    .where(_other.media_id == MediaRow.id)
    .order_by(_other.created_at.desc(), _other.id.desc())
    .limit(1)
    .correlate(MediaRow)
    .scalar_subquery()
)
_LIBRARY = select(*MEDIA_COLUMNS, *COLUMNS).outerjoin_from(MediaRow, JobRow, JobRow.id == _newest)


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


async def library(
    session: AsyncSession, owner: str, before: tuple[datetime, str] | None, limit: int, *, shared: bool
) -> list[tuple[Media, Job | None]]:
    """Return media of the owner – or those shared with them – with the newest job of each, newest first.

    It is one statement, because every visit asks it.
    """
    granted = select(GrantRow.media_id).where(GrantRow.user_id == owner)
    query = _LIBRARY.where(MediaRow.id.in_(granted) if shared else MediaRow.owner == owner)
    if before is not None:
        query = query.where(tuple_(MediaRow.created_at, MediaRow.id) < before)
    rows = await session.execute(query.order_by(MediaRow.created_at.desc(), MediaRow.id.desc()).limit(limit))
    width = len(MEDIA_COLUMNS)
    return [(Media(*row[:width]), None if row[width] is None else Job(*row[width:])) for row in rows]


async def beat(session: AsyncSession, worker_id: str, *, host: str, pid: int, now: datetime) -> None:
    """Say that a worker lives."""
    row = {"id": worker_id, "host": host, "pid": pid, "started_at": now, "beat_at": now}
    statement = upsert(session, WorkerRow).values(row)
    await session.execute(statement.on_conflict_do_update(index_elements=["id"], set_={"beat_at": now}))


async def beats(session: AsyncSession) -> dict[str, Beat]:
    """Return when each worker last said that it lives."""
    rows = await session.execute(select(WorkerRow.id, WorkerRow.host, WorkerRow.pid, WorkerRow.beat_at))
    return {worker: Beat(host, pid, at) for worker, host, pid, at in rows}


async def held(session: AsyncSession) -> Mapping[str | None, tuple[Held, ...]]:
    """Return what each worker holds."""
    what = (TaskRow.job_id, JobRow.media_id, TaskRow.kind, TaskRow.n, TaskRow.tries)
    query = select(TaskRow.worker, *what).join(JobRow, JobRow.id == TaskRow.job_id).where(TaskRow.worker.is_not(None))
    found: dict[str | None, tuple[Held, ...]] = {}
    for row in await session.execute(query.order_by(TaskRow.worker, TaskRow.id)):
        found[row.worker] = (*found.get(row.worker, ()), Held(*row[1:]))
    return found


async def forget_workers(session: AsyncSession, workers: Collection[str]) -> None:
    await session.execute(delete(WorkerRow).where(WorkerRow.id.in_(workers)))


async def twin(session: AsyncSession, job: Job) -> str | None:
    """Return the id of a job that was asked for earlier and is at the same work now, None if there is none."""
    earlier = (JobRow.created_at < job.created_at) | ((JobRow.created_at == job.created_at) & (JobRow.id < job.id))
    query = select(JobRow.id).where(JobRow.work == job.work, JobRow.status.in_(LIVE), earlier)
    return await session.scalar(query.limit(1))


async def at_work(session: AsyncSession, owner: str, work: str) -> Job | None:
    """Lock and return an owner's newest job at this work, None if there is none."""
    query = select(*COLUMNS).where(JobRow.work == work, JobRow.owner == owner).with_for_update()
    row = (await session.execute(query.order_by(JobRow.created_at.desc()).limit(1))).first()
    return None if row is None else Job(*row)


async def of_link(session: AsyncSession, owner: str, url: str) -> str | None:
    """Return the id of an owner's medium that was asked for with this link, the newest, those that are here first."""
    query = select(MediaRow.id).join(JobRow, JobRow.media_id == MediaRow.id)
    asked = query.where(JobRow.owner == owner, JobRow.parameters["link"].as_string() == url)
    return await session.scalar(asked.order_by(MediaRow.status == "expected", JobRow.created_at.desc()).limit(1))


async def without_tasks(session: AsyncSession, before: datetime, limit: int) -> list[Job]:
    """Return jobs that are live, have not changed since then, and have no task that could move them on."""
    idle = (JobRow.status.in_(LIVE), JobRow.changed_at < before, ~exists().where(TaskRow.job_id == JobRow.id))
    return [Job(*row) for row in await session.execute(select(*COLUMNS).where(*idle).limit(limit).with_for_update())]


async def idle_contents(session: AsyncSession, before: datetime, after: str, limit: int) -> list[str]:
    """Return content (sha256, in order, behind `after`) whose jobs have all ended before then."""
    busy = func.max(case((_is_busy(before), 1), else_=0))
    query = select(MediaRow.sha256).join(JobRow, JobRow.media_id == MediaRow.id).where(MediaRow.sha256 > after)
    query = query.group_by(MediaRow.sha256).having(busy == 0).order_by(MediaRow.sha256).limit(limit)
    return list(await session.scalars(query))


async def keep_idle(session: AsyncSession, sha256: str, before: datetime) -> bool:
    """Say whether all jobs on this content ended before then; none of its media gets one until the transaction ends."""
    media = select(MediaRow.id).where(MediaRow.sha256 == sha256)
    await session.execute(media.with_for_update())  # a new job must lock its medium
    jobs = select(JobRow.id, _is_busy(before)).where(JobRow.media_id.in_(media)).with_for_update()
    return not any(busy for _, busy in await session.execute(jobs))


async def on_content(session: AsyncSession, sha256: str) -> list[tuple[Media, Job]]:
    """Return the media with this content, of any owner, that have jobs, each with its newest."""
    width = len(MEDIA_COLUMNS)
    query = select(*MEDIA_COLUMNS, *COLUMNS).join(JobRow, JobRow.id == _newest).where(MediaRow.sha256 == sha256)
    return [(Media(*row[:width]), Job(*row[width:])) for row in await session.execute(query)]


def _is_busy(before: datetime) -> ColumnElement[bool]:
    return JobRow.status.not_in(FINAL) | (JobRow.changed_at >= before)


async def claim_chore(session: AsyncSession, name: str, now: datetime, every: timedelta) -> bool:
    """Say whether the chore is due, and if so make it due again only later: one of all who ask gets it."""
    await session.execute(upsert(session, ChoreRow).values(name=name, due_at=now).on_conflict_do_nothing())
    claim = update(ChoreRow).where(ChoreRow.name == name, ChoreRow.due_at <= now).values(due_at=now + every)
    return cast("CursorResult[Any]", await session.execute(claim)).rowcount == 1


async def hand_back_chore(session: AsyncSession, name: str, now: datetime) -> None:
    """Make the chore due: it is not being done any more."""
    await session.execute(update(ChoreRow).where(ChoreRow.name == name).values(due_at=now))


async def hear(session: AsyncSession, job_id: str, n: int, seconds: float) -> None:
    """Note how many seconds of window n have been listened to."""
    statement = upsert(session, HearingRow).values(job_id=job_id, n=n, seconds=seconds)
    await session.execute(
        statement.on_conflict_do_update(index_elements=["job_id", "n"], set_={"seconds": seconds})
    )  # fmt: skip


async def heard(session: AsyncSession, job_id: str) -> float:
    """Return how many seconds of the recording have been listened to."""
    return await session.scalar(select(func.sum(HearingRow.seconds)).where(HearingRow.job_id == job_id)) or 0.0


async def forget_hearing(session: AsyncSession, job_id: str, first: int = 0) -> None:
    """Forget how much of the windows from the first one on has been listened to."""
    await session.execute(delete(HearingRow).where(HearingRow.job_id == job_id, HearingRow.n >= first))
