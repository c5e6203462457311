"""A worker: says that it lives, works on tasks, does chores, and gives the tasks of dead workers back to the queues."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import structlog

from videochat.errors import VideoChatError
from videochat.jobs import queues, repository
from videochat.jobs.chores import Chores
from videochat.jobs.engine import Engine
from videochat.jobs.liveness import Liveness, is_gone, this_host
from videochat.ops.tasks import cancelled
from videochat.sections import JobSettings
from videochat.store.fingerprint import new_id
from videochat.store.session import Database

log = structlog.get_logger(__name__)

MISSED_BEATS = 5


class Worker:
    """One process that works on jobs until it is stopped."""

    def __init__(self, database: Database, engine: Engine, chores: Chores, settings: JobSettings) -> None:
        self.id = f"{socket.gethostname()}-{os.getpid()}-{new_id('w')[-6:]}"
        self._database = database
        self._engine = engine
        self._chores = chores
        self._settings = settings
        self._liveness = Liveness(settings.heartbeat_seconds * MISSED_BEATS)
        self._loops: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Take part. Raises DatabaseUnavailableError."""
        await self._beat()
        await self._relieve_the_dead()
        self._engine.start(self.id)
        self._loops = [
            asyncio.create_task(self._keep_watch(), name="worker-watch"),
            asyncio.create_task(self._chores.keep_doing(), name="worker-chores"),
        ]
        log.info("worker.started", worker=self.id)

    async def stop(self, drain_seconds: float = 0.0) -> None:
        """Take nothing new, let what is in flight end for so long, and hand the rest back to the others."""
        log.info("worker.stopping", worker=self.id, busy=self._engine.busy, drain_seconds=drain_seconds)
        await self._engine.stop(drain_seconds)
        await cancelled(*self._loops)
        with contextlib.suppress(VideoChatError):  # the database may be what made us stop
            async with self._database.write() as session:
                await repository.forget_workers(session, [self.id])
        log.info("worker.stopped", worker=self.id)

    async def _keep_watch(self) -> None:
        while True:
            await asyncio.sleep(self._settings.heartbeat_seconds)
            try:
                await self._beat()
                await self._relieve_the_dead()
            except VideoChatError as error:
                self._liveness.forget()  # who could not look must not judge
                log.warning("worker.watch_failed", code=error.reason)

    async def _beat(self) -> None:
        async with self._database.write() as session:
            await repository.beat(session, self.id, host=this_host(), pid=os.getpid(), now=datetime.now(UTC))

    async def _relieve_the_dead(self) -> None:
        async with self._database.read() as session:
            dead = self._liveness.dead(await repository.beats(session))
            orphans = await queues.has_orphans(session, dead)
        if dead or orphans:
            await self._take_over(dead - {self.id})

    async def _take_over(self, dead: Collection[str]) -> None:
        async with self._database.write() as session:
            tasks = await queues.release_of_dead(session, dead)
            await repository.forget_workers(session, dead)
        log.warning("worker.took_over", dead=sorted(dead), tasks=tasks)


async def alive_workers(database: Database, settings: JobSettings) -> set[str]:
    """Return the ids of the workers that seem to live, on any machine, judged by the clocks."""
    since = datetime.now(UTC) - timedelta(seconds=settings.heartbeat_seconds * MISSED_BEATS)
    async with database.read() as session:
        beats = await repository.beats(session)
    return {worker for worker, beat in beats.items() if beat.at >= since and not is_gone(beat)}
