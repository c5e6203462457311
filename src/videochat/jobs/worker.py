"""A worker: says that it lives, works on tasks, does chores, and gives the tasks of dead workers back to the queues."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Collection
from datetime import UTC, datetime

import structlog

from videochat.errors import VideoChatError
from videochat.jobs import queues, repository
from videochat.jobs.alive import AliveFile
from videochat.jobs.chores import Chores
from videochat.jobs.embedding import Embedding
from videochat.jobs.engine import Engine
from videochat.jobs.liveness import Liveness, this_host
from videochat.jobs.roster import MISSED_BEATS
from videochat.ops.keeping import keep
from videochat.ops.tasks import cancelled
from videochat.sections import JobSettings
from videochat.store.fingerprint import new_id
from videochat.store.session import Database

log = structlog.get_logger(__name__)


class Worker:
    """One process that works on jobs until it is stopped."""

    def __init__(
        self,
        database: Database,
        engine: Engine,
        chores: Chores,
        settings: JobSettings,
        embedding: Embedding | None = None,
    ) -> None:
        self.id = f"{socket.gethostname()}-{os.getpid()}-{new_id('w')[-6:]}"
        self._database = database
        self._engine = engine
        self._chores = chores
        self._embedding = embedding
        self._settings = settings
        self._liveness = Liveness(settings.heartbeat_seconds * MISSED_BEATS)
        file = settings.alive_file
        self._alive = None if file is None else AliveFile(file, settings.heartbeat_seconds)
        self._loops: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Take part. Raises DatabaseUnavailableError, and ConfigurationError where the alive file cannot be touched."""
        await self._beat()
        await self._relieve_the_dead()
        if self._alive is not None:
            self._alive.require()
        self._engine.start(self.id)
        self._loops = [
            keep("worker-watch", self._keep_watch),
            keep("worker-chores", self._chores.keep_doing),
        ]
        if self._alive is not None:
            self._loops.append(asyncio.create_task(self._alive.keep_touching(), name="worker-alive"))
        if self._embedding is not None:
            self._loops.append(keep("worker-embedding", self._embedding.keep_doing))
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
                with contextlib.ExitStack() as unseen:
                    unseen.callback(self._liveness.forget)  # who could not look must not judge
                    await self._beat()
                    await self._relieve_the_dead()
                    unseen.pop_all()
            except VideoChatError as error:
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
