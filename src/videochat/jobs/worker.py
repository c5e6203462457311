"""A worker: says that it lives, works on jobs, takes over from the dead and mends what fell between two stools."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from datetime import UTC, datetime, timedelta

import structlog

from videochat.errors import VideoChatError
from videochat.jobs import control, repository
from videochat.jobs.engine import ENDED, DbosQueue, DbosWorker, cutting
from videochat.jobs.job import LIVE, Job
from videochat.settings import JobSettings
from videochat.store.fingerprint import new_id
from videochat.store.session import Database

log = structlog.get_logger(__name__)

# A worker is dead after this many missed beats – or at once when its process is gone from this machine.
MISSED_BEATS = 5
SWEEP_EVERY_BEATS = 2
SWEEP_LIMIT = 500
FORGET_AFTER = timedelta(days=1)


class Worker:
    """One process that works on jobs until it is stopped."""

    def __init__(self, database: Database, engine: DbosWorker, queue: DbosQueue, settings: JobSettings) -> None:
        self.id = f"{socket.gethostname()}-{os.getpid()}-{new_id('w')[-6:]}"
        self._database = database
        self._engine = engine
        self._queue = queue
        self._settings = settings
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self._beat()
        await self._engine.start(self.id)
        await self._engine.take_over(await alive_workers(self._database, self._settings))
        self._watch = asyncio.create_task(self._keep_watch(), name="worker-watch")
        log.info("worker.started", worker=self.id)

    async def stop(self) -> None:
        """Leave at once; what is in flight goes on in another worker or at the next start."""
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
        await self._engine.stop()
        with contextlib.suppress(VideoChatError):  # the database may be what made us stop
            async with self._database.write() as session:
                await repository.forget_worker(session, self.id)
        log.info("worker.stopped", worker=self.id)

    async def _keep_watch(self) -> None:
        beats = 0
        while True:
            await asyncio.sleep(self._settings.heartbeat_seconds)
            beats += 1
            try:
                await self._beat()
                if dead := await self._engine.take_over(await alive_workers(self._database, self._settings)):
                    log.warning("worker.took_over", dead=dead)
                if beats % SWEEP_EVERY_BEATS == 0:
                    await self._sweep()
            except VideoChatError as error:
                log.warning("worker.watch_failed", code=error.reason, reason=error.message)

    async def _beat(self) -> None:
        now = datetime.now(UTC)
        async with self._database.write() as session:
            await repository.beat(session, self.id, host=socket.gethostname(), pid=os.getpid(), now=now)
            await repository.forget_workers(session, now - FORGET_AFTER)

    async def _sweep(self) -> None:
        """Queue jobs that the engine never heard of, stop those nobody wants, end those that the engine gave up."""
        async with self._database.read() as session:
            live = await repository.in_status(session, LIVE, SWEEP_LIMIT)
            stopped = await repository.recently_stopped(session, datetime.now(UTC) - timedelta(minutes=5), SWEEP_LIMIT)
        states = await self._queue.states([job.run.id for job in live + stopped] + [cutting(job.run) for job in live])
        for job in live:
            await self._mend(job, states)
        for job in stopped:
            if states.get(job.run.id) in {"ENQUEUED", "PENDING"}:
                await self._queue.cancel(job.run)

    async def _mend(self, job: Job, states: dict[str, str]) -> None:
        state = states.get(job.run.id)
        if state is None:
            await self._queue.enqueue(job.run, job.priority)
        elif state in ENDED or states.get(cutting(job.run)) in ENDED - {"SUCCESS"}:
            await self._give_up(job)

    async def _give_up(self, job: Job) -> None:
        async with self._database.write() as session:
            with contextlib.suppress(control.SupersededError):  # it ended properly in the meantime
                held = await control.held(session, job.run)
                error = {"code": "internal", "message": "The job stopped unexpectedly; the log of the worker says why."}
                await control.end(session, held, "failed", error=error)
                log.error("job.given_up", job=job.id)


async def alive_workers(database: Database, settings: JobSettings) -> set[str]:
    """Return the ids of the workers that live, on any machine."""
    since = datetime.now(UTC) - timedelta(seconds=settings.heartbeat_seconds * MISSED_BEATS)
    async with database.read() as session:
        beating = await repository.workers(session, since)
    here = socket.gethostname()
    return {worker for worker, host, pid in beating if host != here or _process_exists(pid)}


def _process_exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
