"""What processes report of themselves, and the points of the last day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from videochat.ops.metrics import Labels, Numbers, from_json
from videochat.ops.monitor import host_of
from videochat.store.tables import PointRow, ReportRow, TaskRow, WorkerRow
from videochat.store.upsert import upsert

RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Report:
    """What a process counted and uses; moments in UTC."""

    process: str
    started_at: datetime
    at: datetime
    totals: dict[str, dict[Labels, Numbers]]


def side_by_side(reports: Sequence[Report]) -> set[str]:
    """Return the machines (containers, too) with processes of these that live at the same time.

    Who has not reported since the youngest began may be the one that it replaces.
    """
    began = max((one.started_at for one in reports), default=None)
    return {host_of(one.process) for one in reports if began is not None and one.at >= began}


async def every(session: AsyncSession, *, lock: bool = False) -> list[Report]:
    query = select(ReportRow.process, ReportRow.started_at, ReportRow.at, ReportRow.totals).order_by(
        ReportRow.process  # two that lock them must not do so crosswise
    )
    rows = await session.execute(query.with_for_update() if lock else query)
    return [Report(process, started_at, at, from_json(totals)) for process, started_at, at, totals in rows]


async def write(session: AsyncSession, process: str, now: datetime, totals: dict[str, Any]) -> bool:
    """Report again; False when the process has not reported before, or was taken for dead meanwhile."""
    change = update(ReportRow).where(ReportRow.process == process).values(at=now, totals=totals)
    return cast("CursorResult[Any]", await session.execute(change)).rowcount == 1


async def begin(session: AsyncSession, process: str, now: datetime, totals: dict[str, Any]) -> None:
    """Report for the first time."""
    values = {"started_at": now, "at": now, "totals": totals}
    statement = upsert(session, ReportRow).values(process=process, **values)
    await session.execute(statement.on_conflict_do_update(index_elements=["process"], set_=values))


async def remove(session: AsyncSession, process: str) -> bool:
    """Forget the process, and say whether it was there: whoever removes it adds its counts to the retired ones."""
    gone = delete(ReportRow).where(ReportRow.process == process)
    return cast("CursorResult[Any]", await session.execute(gone)).rowcount == 1


async def newest_point(session: AsyncSession) -> int:
    return await session.scalar(select(func.max(PointRow.at))) or 0


async def add_point(session: AsyncSession, at: int, values: dict[str, Any], keep_from: int) -> bool:
    """Keep the first point of this moment, and none from before `keep_from`; say whether this is the first."""
    adding = upsert(session, PointRow).values(at=at, values=values).on_conflict_do_nothing()
    first = await session.scalar(adding.returning(PointRow.at)) is not None
    await session.execute(delete(PointRow).where(PointRow.at < keep_from))
    return first


async def points(session: AsyncSession, since: int, step: int = 1) -> list[tuple[int, dict[str, Any]]]:
    """Return the points since then, oldest first: those at multiples of `step` seconds, and the newest."""
    wanted = or_(PointRow.at % step == 0, PointRow.at == select(func.max(PointRow.at)).scalar_subquery())
    query = select(PointRow.at, PointRow.values).where(PointRow.at >= since, wanted).order_by(PointRow.at)
    rows = await session.execute(query)
    return [(at, values) for at, values in rows]


async def work(session: AsyncSession) -> dict[str, int]:
    """Return how many tasks wait and are worked on, and how many workers there are."""
    taken = TaskRow.worker.is_not(None)
    rows = await session.execute(select(taken, func.count()).select_from(TaskRow).group_by(taken))
    counts = {bool(is_taken): number for is_taken, number in rows}
    workers = await session.scalar(select(func.count()).select_from(WorkerRow)) or 0
    return {"waiting": counts.get(False, 0), "running": counts.get(True, 0), "workers": workers}
