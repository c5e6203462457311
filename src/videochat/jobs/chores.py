"""Work that is due from time to time: each chore is done by one worker of all, whichever is first.

A chore may be interrupted anywhere and is then simply due again later.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from videochat.access.audit import Audit
from videochat.errors import NotFoundError, VideoChatError
from videochat.jobs import control, repository
from videochat.jobs.expiry import Expiry
from videochat.jobs.service import JobService
from videochat.media.service import MediaService
from videochat.ops import logfile
from videochat.ops.actor import Actor
from videochat.ops.logfile import Bounds
from videochat.sections import RetentionSettings
from videochat.store import events
from videochat.store.session import Database

log = structlog.get_logger(__name__)

LOOK_SECONDS = 30.0
# With these, whoever reads an old stream from the beginning still learns how it ended.
LASTING_EVENTS = ("job", "end", "status", "media")
IDLE_MINUTES = 5.0
ORPHANS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to do every so often. `everywhere`: on each machine, because it is about that machine's own disk."""

    name: str
    every: timedelta
    do: Callable[[], Awaitable[int]]
    everywhere: bool = False


class Chores:
    """Does what is due, for as long as `keep_doing` runs."""

    def __init__(self, database: Database, chores: Sequence[Chore]) -> None:
        self._database = database
        self._chores = chores
        self._due_here: dict[str, float] = {}

    async def keep_doing(self) -> None:
        while True:
            for chore in self._chores:
                await self._do_if_due(chore)
            await asyncio.sleep(LOOK_SECONDS)

    async def _do_if_due(self, chore: Chore) -> None:
        try:
            if await self._mine(chore):
                started = time.perf_counter()
                count = await chore.do()
                log.info("chore", chore=chore.name, count=count, ms=round((time.perf_counter() - started) * 1000))
        except VideoChatError as error:
            log.warning("chore.failed", chore=chore.name, code=error.reason)

    async def _mine(self, chore: Chore) -> bool:
        """Say whether the chore is due and ours, and move it on."""
        if chore.everywhere:
            due = time.monotonic() >= self._due_here.get(chore.name, 0.0)
            if due:
                self._due_here[chore.name] = time.monotonic() + chore.every.total_seconds()
            return due
        async with self._database.write() as session:
            return await repository.claim_chore(session, chore.name, datetime.now(UTC), chore.every)


def housekeeping(
    database: Database,
    media: MediaService,
    jobs: JobService,
    audit: Audit,
    expiry: Expiry,
    retention: RetentionSettings,
    logs: Bounds,
) -> list[Chore]:
    """Return the chores of this installation."""

    async def expire() -> int:
        if retention.media_days is None:
            return 0
        old = await media.expired(datetime.now(UTC) - timedelta(days=retention.media_days))
        for medium in old:
            owner = Actor(medium.owner)
            try:
                await jobs.stop_all(owner, medium.id)
                await media.delete(owner, medium.id)
            except NotFoundError:  # its owner was faster
                continue
        return len(old)

    async def prune() -> int:
        before = datetime.now(UTC) - timedelta(days=retention.event_days)
        async with database.write() as session:
            return await events.prune(session, before, LASTING_EVENTS)

    async def restart_idle() -> int:
        """Queue jobs again that wait for nothing: none should, whatever happens, and nobody should wait for one."""
        before = datetime.now(UTC) - timedelta(minutes=IDLE_MINUTES)
        async with database.write() as session:
            idle = await repository.without_tasks(session, before, ORPHANS_AT_ONCE)
            for job in idle:
                log.error("job.idle", job=job.id)
                await control.restart(session, job)
        return len(idle)

    hour, day = timedelta(hours=1), timedelta(days=1)
    return [
        Chore("uploads", timedelta(minutes=5), media.sweep, everywhere=True),
        Chore("leftovers", timedelta(minutes=5), media.erase_leftovers),
        Chore("retention", hour, expire),
        Chore("derived", day, partial(expiry.remove, retention.derived_days)),
        Chore("events", day, prune),
        Chore("access", day, partial(audit.forget, retention.audit_days)),
        Chore("logs", hour, partial(asyncio.to_thread, logfile.prune, logs), everywhere=True),
        Chore("idle-jobs", timedelta(minutes=1), restart_idle),
    ]
