"""Makes one whole of what all processes count: each reports what it counted, and keeps the reports of the dead."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import structlog

from videochat.errors import VideoChatError
from videochat.ops.allowance import Allowance
from videochat.ops.history import Point, point_of
from videochat.ops.keeping import keep
from videochat.ops.metrics import Labels, Metrics, Numbers, Totals, added, less, to_json
from videochat.ops.monitor import Monitor, ProcessName
from videochat.ops.resources import Space
from videochat.ops.tasks import cancelled
from videochat.store import reports
from videochat.store.reports import RETIRED, Report
from videochat.store.session import Database

log = structlog.get_logger(__name__)

REPORT_SECONDS = 5.0
POINT_SECONDS = 15
FRESH = timedelta(seconds=3 * REPORT_SECONDS)  # an older report says nothing about what is in use now
DEAD = timedelta(seconds=60)
KEEP_HOURS = 25
SHARED = "SQLite is for the processes of one machine: set DATABASE__URL=postgresql://… (docs/howto/scale.md)."

Sums = dict[str, dict[Labels, Numbers]]


class Judge(Protocol):
    """Looks at each new point and as many before it as it needs."""

    def span(self) -> int:
        """Return how many seconds it looks back."""
        ...

    async def judge(self, points: Sequence[tuple[int, Point]], now: datetime) -> object: ...


class Reporter:
    """Reports for this process, from `start` until `close`.

    What a process counted is never lost and never counted twice: its row is either there, or was added to the retired counts
    by whoever removed it. A process that was taken for dead and is not finds its row gone and reports what came since.
    """

    def __init__(self, database: Database, metrics: Metrics, space: Space, judge: Judge | None = None) -> None:
        self._database = database
        self._metrics = metrics
        self._space = space
        self._judge = judge
        self._name: ProcessName | None = None
        self._monitor: Monitor | None = None
        self._written: Totals = {}
        self._before: Sums = {}  # what is among the retired already
        self._loop: asyncio.Task[None] | None = None

    async def start(self, role: str) -> None:
        """Report from now on as a process of this role."""
        self._name = ProcessName(role)
        self._monitor = Monitor(self._name, self._space, self._metrics, Allowance())
        self._loop = keep("reports", self._keep_reporting)

    async def close(self) -> None:
        """Report a last time and retire what was counted."""
        if self._loop is None or self._name is None:
            return
        await cancelled(self._loop)
        try:
            await self._report(datetime.now(UTC))
            await self._retire([str(self._name)])
        except VideoChatError as error:  # others will find out that we are dead
            log.warning("report.unwritten", code=error.reason)

    async def totals(self) -> Sums:
        """Return the counts of all processes that ever were, and what those that live use."""
        now = datetime.now(UTC)
        async with self._database.read() as session:
            known = await reports.every(session)
            work = await reports.work(session)
        others = [one for one in known if one.process != str(self._name)]
        # Who was taken for dead and has not reported since is among the retired.
        retired = self._counted(self._written) if len(others) == len(known) else self._before
        mine = {**less(self._metrics.totals(), retired), **_of_the_whole(work)}
        return added(mine, *(one.totals if _fresh(one, now) else self._counted(one.totals) for one in others))

    async def processes(self) -> list[Report]:
        """Return what the processes that live reported last."""
        now = datetime.now(UTC)
        async with self._database.read() as session:
            return [one for one in await reports.every(session) if one.process != RETIRED and _fresh(one, now)]

    async def strangers(self) -> set[str]:
        """Return the machines that share a database which only one may use: on SQLite, when there are several."""
        machines = reports.side_by_side(await self.processes()) if self._database.dialect == "sqlite" else set()
        return machines if len(machines) > 1 else set()

    async def points(self, seconds: float, most: int | None = None) -> list[tuple[int, dict[str, Any]]]:
        """Return about `most` points of the last so many seconds (None: all), oldest first."""
        step = max(1, math.ceil(seconds / POINT_SECONDS / most)) * POINT_SECONDS if most else 1
        async with self._database.read() as session:
            return await reports.points(session, int(time.time() - seconds), step)

    async def _keep_reporting(self) -> None:
        while True:
            try:
                now = datetime.now(UTC)
                await self._report(now)
                await self._bury(now)
                await self._add_point(now)
            except VideoChatError as error:
                log.warning("report.unwritten", code=error.reason)
            await asyncio.sleep(REPORT_SECONDS)

    async def _report(self, now: datetime) -> None:
        assert self._monitor is not None
        self._monitor.look()
        totals = self._metrics.totals()
        async with self._database.write() as session:
            known = await reports.write(session, str(self._name), now, to_json(less(totals, self._before)))
            if not known:
                self._before = self._counted(self._written)
                await reports.begin(session, str(self._name), now, to_json(less(totals, self._before)))
        self._written = totals

    async def _bury(self, now: datetime) -> None:
        """Retire the processes that have not reported for long."""
        async with self._database.read() as session:
            dead = [
                one.process for one in await reports.every(session) if one.process != RETIRED and one.at < now - DEAD
            ]
        if dead:
            await self._retire(dead)

    async def _retire(self, processes: list[str]) -> None:
        now = datetime.now(UTC)
        async with self._database.write() as session:
            known = {one.process: one for one in await reports.every(session, lock=True)}
            gone = [known[name] for name in processes if name in known and await reports.remove(session, name)]
            if gone:
                counts = added(
                    *([known[RETIRED].totals] if RETIRED in known else []), *(self._counted(one.totals) for one in gone)
                )
                await reports.begin(session, RETIRED, now, to_json(counts))

    async def _add_point(self, now: datetime) -> None:
        """Keep how the whole is, once in fifteen seconds, by whichever process comes first."""
        slot = int(now.timestamp()) // POINT_SECONDS * POINT_SECONDS
        async with self._database.read() as session:
            if await reports.newest_point(session) >= slot:
                return
            work = await reports.work(session)
        point = point_of(await self.totals(), work)
        async with self._database.write() as session:
            first = await reports.add_point(session, slot, point, slot - KEEP_HOURS * 3600)
        if first and (machines := await self.strangers()):  # once in fifteen seconds, until it is put right
            log.warning("database.shared", machines=sorted(machines), hint=SHARED)
        if first and self._judge is not None:  # whoever adds the point judges it, so that nobody is told twice
            await self._judge.judge(await self.points(self._judge.span() + 2 * POINT_SECONDS), now)

    def _counted(self, totals: Totals) -> Sums:
        """Leave out what is only true of a process that lives."""
        lasting = {name for name, family in self._metrics.families.items() if family.kind != "gauge"}
        return {name: dict(children) for name, children in totals.items() if name in lasting and name != OWN}


OWN = "videochat_process_cpu_used_seconds"  # carries the name of its process, of which there would be ever more


def _of_the_whole(work: Mapping[str, int]) -> Sums:
    """Return what no process could count for itself."""
    tasks: dict[Labels, Numbers] = {(state,): (float(work[state]),) for state in ("waiting", "running")}
    return {"videochat_tasks": tasks, "videochat_workers": {(): (float(work["workers"]),)}}


def _fresh(report: Report, now: datetime) -> bool:
    return report.at >= now - FRESH
