"""The queues in the database: offering tasks, taking them, giving them back. One short transaction each, on both databases.

Order: the owner who has been served least; of an owner's tasks by priority; then first windows, so that text appears soon
everywhere; then first come, first served. Serving is counted in tasks that take long, in the virtual time of start-time fair
queueing (P. Goyal, H. Vin, H. Cheng 1996): whoever comes back after a pause starts level with the others, can neither save up
nor starve, and owes nothing for what nobody else wanted. Between owners a priority is a head start: so many turns and no more.

A task that a worker has taken is fenced by (worker, tries): what an earlier holder still does to it changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, case, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from videochat.jobs.job import PRIORITIES, Job, Priority
from videochat.jobs.task import Queue, Task
from videochat.store import events
from videochat.store.tables import ShareRow, TaskRow, WorkerRow
from videochat.store.upsert import upsert

SERVING = frozenset({"fetch", "decode", "window"})  # what takes long, and counts as being served
HEAD_START = 16  # turns by which a task goes before those of others that are one priority lower
AT_ONCE = datetime(1970, 1, 1, tzinfo=UTC)  # not "now": the clock of the machine that takes a task may be behind ours
COLUMNS = [getattr(TaskRow, field.name) for field in fields(Task)]


@dataclass(frozen=True, slots=True)
class Lease:
    """What a worker holds: a task, and which try of it this is."""

    task_id: str
    tries: int


async def offer(session: AsyncSession, job: Job, task: Task, now: datetime) -> None:
    """Let workers have the task; offering it again changes nothing."""
    await _join(session, job.owner)
    values = {field.name: getattr(task, field.name) for field in fields(Task)}
    values |= {"queue": task.queue, "owner": job.owner, "priority": PRIORITIES.index(job.priority)}
    statement = upsert(session, TaskRow).values(**values, not_before=AT_ONCE, created_at=now, worker=None)
    await session.execute(statement.on_conflict_do_nothing())
    await events.ring(session)


async def _join(session: AsyncSession, owner: str) -> None:
    """Set an owner for whom nothing waits level with the least served of those for whom windows wait, or with everybody."""
    waiting = select(TaskRow.owner).where(TaskRow.queue == "transcribe", TaskRow.worker.is_(None))
    if await session.scalar(waiting.where(TaskRow.owner == owner).limit(1)) is not None:
        return
    least = select(func.min(ShareRow.served)).where(ShareRow.owner.in_(waiting)).scalar_subquery()
    most = select(func.max(ShareRow.served)).scalar_subquery()
    level = await session.scalar(select(func.coalesce(least, most, 0)))
    raised = case((ShareRow.served < level, level), else_=ShareRow.served)
    statement = upsert(session, ShareRow).values(owner=owner, served=level)
    await session.execute(statement.on_conflict_do_update(index_elements=["owner"], set_={"served": raised}))


async def has_work(session: AsyncSession, queue: Queue, now: datetime) -> bool:
    """Say whether a task may be taken from the queue: a read, which costs nobody a wait."""
    return await session.scalar(select(TaskRow.id).where(*_ready(queue, now)).limit(1)) is not None


async def take(session: AsyncSession, queue: Queue, worker: str, now: datetime) -> Task | None:
    """Give the worker the task whose turn it is, None when there is none; nobody else gets it then."""
    next_one = (
        select(TaskRow.id)
        .join(ShareRow, ShareRow.owner == TaskRow.owner)
        .where(*_ready(queue, now))
        .order_by(
            ShareRow.served + HEAD_START * TaskRow.priority,
            TaskRow.priority,
            TaskRow.n > 0,
            TaskRow.created_at,
            TaskRow.n,
        )
        .limit(1)
        .with_for_update(of=TaskRow, skip_locked=True)
        .scalar_subquery()
    )
    taking = update(TaskRow).where(TaskRow.id == next_one).values(worker=worker, tries=TaskRow.tries + 1)
    row = (await session.execute(taking.returning(*COLUMNS, TaskRow.owner))).first()
    if row is None:
        return None
    *values, owner = row
    task = Task(*values)
    if task.kind in SERVING:
        await session.execute(update(ShareRow).where(ShareRow.owner == owner).values(served=ShareRow.served + 1))
    return task


async def done(session: AsyncSession, worker: str, task: Task) -> bool:
    """Remove the task and say whether the worker still held it."""
    return await _changed(session, delete(TaskRow).where(*_held(worker, task)))


async def put_back(session: AsyncSession, worker: str, task: Task, not_before: datetime, *, failed: bool) -> bool:
    """Let the task wait until then. A failure is counted; a mere wait counts neither as failure nor as try."""
    counted: dict[str, Any] = {"failures": TaskRow.failures + 1} if failed else {"tries": TaskRow.tries - 1}
    change = update(TaskRow).where(*_held(worker, task)).values(worker=None, not_before=not_before, **counted)
    return await _changed(session, change)


async def leases(session: AsyncSession, worker: str) -> set[Lease]:
    rows = await session.execute(select(TaskRow.id, TaskRow.tries).where(TaskRow.worker == worker))
    return {Lease(*row) for row in rows}


async def release(session: AsyncSession, worker: str, dropped: Collection[Lease]) -> None:
    """Give back what the worker holds by the books although it does not work on it."""
    for lease in dropped:
        here = (TaskRow.worker == worker, TaskRow.id == lease.task_id, TaskRow.tries == lease.tries)
        await session.execute(update(TaskRow).where(*here).values(worker=None))


async def release_all(session: AsyncSession, worker: str) -> set[str]:
    """Give back everything that a worker holds which leaves in order, and return the ids of the jobs."""
    left = update(TaskRow).where(TaskRow.worker == worker).values(worker=None, tries=TaskRow.tries - 1)
    return set(await session.scalars(left.returning(TaskRow.job_id)))


async def is_attended(session: AsyncSession, job_id: str) -> bool:
    """Say whether a worker holds a task of the job."""
    here = (TaskRow.job_id == job_id, TaskRow.worker.is_not(None))
    return await session.scalar(select(TaskRow.id).where(*here).limit(1)) is not None


async def has_orphans(session: AsyncSession, dead: Collection[str]) -> bool:
    """Say whether dead or unknown workers hold tasks: a read, which costs nobody a wait."""
    return await session.scalar(select(TaskRow.id).where(*_orphaned(dead)).limit(1)) is not None


async def release_of_dead(session: AsyncSession, dead: Collection[str]) -> list[str]:
    """Give back the tasks of these workers, and of those that nobody knows, and return the tasks' ids."""
    freed = update(TaskRow).where(*_orphaned(dead)).values(worker=None)
    await events.ring(session)
    return list(await session.scalars(freed.returning(TaskRow.id)))


async def remove(session: AsyncSession, job_id: str) -> None:
    """Take all tasks of the job away, from workers too: they notice at their next look."""
    await session.execute(delete(TaskRow).where(TaskRow.job_id == job_id))
    await events.ring(session)


async def prioritise(session: AsyncSession, job_id: str, priority: Priority) -> None:
    await session.execute(
        update(TaskRow).where(TaskRow.job_id == job_id).values(priority=PRIORITIES.index(priority))
    )  # fmt: skip


async def waiting(session: AsyncSession, queue: Queue) -> int:
    """Return how many tasks wait in the queue."""
    query = select(func.count()).select_from(TaskRow).where(TaskRow.queue == queue, TaskRow.worker.is_(None))
    return await session.scalar(query) or 0


async def counts(session: AsyncSession) -> Mapping[tuple[str, bool], int]:
    """Return how many tasks there are by (queue, whether a worker has them)."""
    taken = TaskRow.worker.is_not(None).label("taken")
    rows = await session.execute(select(TaskRow.queue, taken, func.count()).group_by(TaskRow.queue, taken))
    return {(queue, bool(is_taken)): number for queue, is_taken, number in rows}


def _ready(queue: Queue, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (TaskRow.queue == queue, TaskRow.worker.is_(None), TaskRow.not_before <= now)


def _orphaned(dead: Collection[str]) -> tuple[ColumnElement[bool], ...]:
    unknown = TaskRow.worker.not_in(select(WorkerRow.id))
    return (TaskRow.worker.is_not(None), or_(TaskRow.worker.in_(dead), unknown))


def later(now: datetime, seconds: float) -> datetime:
    return now + timedelta(seconds=seconds)


def _held(worker: str, task: Task) -> tuple[ColumnElement[bool], ...]:
    return (TaskRow.id == task.id, TaskRow.worker == worker, TaskRow.tries == task.tries)


async def _changed(session: AsyncSession, statement: Any) -> bool:
    return cast("CursorResult[Any]", await session.execute(statement)).rowcount == 1
