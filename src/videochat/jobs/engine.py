"""The job engine: takes tasks from the queues of the database and does each to its end, whatever dies in between.

The truth is one table. A worker holds a task while the row says so: it finishes only what it still holds, stops at once what
it no longer holds (cancelled, paused, taken over while it was frozen), and gives back what the row says it holds although it
does not. So there is nothing to reconcile after a crash, an outage of the database or a full disk.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import partial

import structlog

from videochat.errors import (
    DatabaseUnavailableError,
    EngineUnavailableError,
    NotYetError,
    PoisonedError,
    StorageFullError,
    StorageUnavailableError,
    TaskTimeoutError,
    VideoChatError,
)
from videochat.jobs import control, queues, repository
from videochat.jobs.control import SupersededError
from videochat.jobs.job import Run
from videochat.jobs.queues import Lease
from videochat.jobs.task import Queue, Task
from videochat.ops.keeping import keep, kept
from videochat.ops.tasks import cancelled
from videochat.store.feed import within
from videochat.store.session import Database

log = structlog.get_logger(__name__)

MAX_TRIES = 10  # of a task that takes its worker down each time, or fails in a way that has no name
MAX_FAILURES = 3  # of a task whose failure has a name and may pass
FIRST_PAUSE = 1.0  # seconds; doubled with every failure
NOT_YET_PAUSE = 2.0
OUTAGE_PAUSE = 1.0
IDLE_PAUSE = 1.0
ASIDE_SECONDS = 60.0  # in which a worker that lacks a window's engine leaves the queue to those that may have it
BREATH = 0.05  # between two looks at the books, however much is committed
DROPPED_SECONDS = 1.0  # taking and working do not begin at the same moment

Leave = Callable[[], None]
Work = Callable[[Task, Leave], Awaitable[None]]
Fail = Callable[[Run, str, str], Awaitable[None]]
News = Callable[[], AbstractContextManager[asyncio.Event]]


class Engine:
    """Works on tasks in this process: at most `room[queue]` of each queue at a time.

    `work` does a task, `fail` ends its job with a code and a reason. A task gets `limit_seconds`. `news` is set when tasks
    were offered or taken away; without any, queues and books are looked at every `poll_seconds`. Work that only has to be
    written down any more calls the `leave` that it is given: the next task need not wait for that.
    """

    def __init__(
        self,
        database: Database,
        work: Work,
        fail: Fail,
        room: Mapping[Queue, int],
        news: News,
        *,
        poll_seconds: float,
        limit_seconds: float,
    ) -> None:
        self._database = database
        self._work = work
        self._fail = fail
        self._room = room
        self._news = news
        self._poll_seconds = poll_seconds
        self._limit_seconds = limit_seconds
        self._worker: str
        self._loops: list[asyncio.Task[None]] = []
        self._running: dict[Lease, asyncio.Task[None]] = {}
        self._recording: set[Lease] = set()
        self._dropped: dict[Lease, float] = {}  # and since when
        self._aside: dict[Queue, float] = {}  # and until when

    @property
    def busy(self) -> int:
        """How many tasks are being worked on."""
        return len(self._running)

    def start(self, worker: str) -> None:
        """Take tasks under this name, which no other process may have had before."""
        self._worker = worker
        for queue, room in self._room.items():
            self._loops.append(keep(f"queue-{queue}", partial(self._take_from, queue, room)))
        self._loops.append(keep("leases", self._keep_to_the_books))

    async def stop(self, drain_seconds: float = 0.0) -> None:
        """Take nothing more, let what is in flight end for so long, then interrupt the rest and give it back."""
        await cancelled(*self._loops[:-1])
        if self._running and drain_seconds:
            await asyncio.wait(self._running.values(), timeout=drain_seconds)
        await cancelled(*self._running.values(), *self._loops)
        with contextlib.suppress(VideoChatError):  # without a database the others will find out that we are dead
            async with self._database.write() as session:
                jobs = await queues.release_all(session, self._worker)
            async with self._database.write() as session:  # apart: others lock the job before its tasks
                await control.left_alone(session, jobs)

    async def _take_from(self, queue: Queue, room: int) -> None:
        free = asyncio.Semaphore(room)
        unended = asyncio.Semaphore(2 * room)
        with self._news() as news:
            while True:
                await unended.acquire()
                await free.acquire()
                # Kept by itself: what is being worked on stays counted however often taking fails.
                task = await kept(f"next-{queue}", partial(self._next, queue, news))
                leave = _once(free.release)
                doing = asyncio.create_task(self._do(task, leave), name=task.id)
                lease = Lease(task.id, task.tries)
                self._running[lease] = doing
                doing.add_done_callback(partial(self._ended, lease, leave, unended))

    async def _next(self, queue: Queue, news: asyncio.Event) -> Task:
        """Wait for the next task whose turn it is."""
        while True:
            await asyncio.sleep(self._aside.pop(queue, 0.0) - asyncio.get_running_loop().time())
            news.clear()
            pause = self._poll_seconds
            try:
                if task := await self._taken(queue):
                    return task
            except VideoChatError as error:
                log.warning("queue.unreachable", queue=queue, code=error.reason)
                pause = OUTAGE_PAUSE
            await within(news, pause)

    async def _taken(self, queue: Queue) -> Task | None:
        now = datetime.now(UTC)
        async with self._database.read() as session:  # an idle worker must not take SQLite's only lock for writing
            if not await queues.has_work(session, queue, now):
                return None
        async with self._database.write() as session:
            return await queues.take(session, queue, self._worker, now)

    def _ended(self, lease: Lease, leave: Leave, unended: asyncio.Semaphore, ended: asyncio.Task[None]) -> None:
        self._running.pop(lease, None)
        leave()
        unended.release()
        if not ended.cancelled() and (error := ended.exception()):
            # A mistake of ours: the books still say that we hold the task, so it is given back and tried again.
            log.error("task.crashed", task=lease.task_id, tries=lease.tries, exc_info=error)

    async def _do(self, task: Task, leave: Leave) -> None:
        record = await self._try(task, leave)
        lease = Lease(task.id, task.tries)
        self._recording.add(lease)
        try:
            await record()
        except VideoChatError as error:  # nothing can be written now: the books are put right when that is over
            log.warning("task.unrecorded", task=task.id, code=error.reason)
        finally:
            self._recording.discard(lease)

    async def _try(self, task: Task, leave: Leave) -> Callable[[], Awaitable[None]]:
        """Do the task and return what writes down how it went."""
        try:
            await self._within_limits(task, leave)
        except SupersededError:
            log.info("task.superseded", task=task.id)
        except NotYetError:
            return partial(self._put_back, task, NOT_YET_PAUSE, failed=False)
        except (DatabaseUnavailableError, StorageUnavailableError, StorageFullError):
            return partial(self._put_back, task, OUTAGE_PAUSE, failed=False)
        except VideoChatError as error:
            log.warning("task.failed", task=task.id, failures=task.failures + 1, code=error.reason)
            if isinstance(error, EngineUnavailableError) and task.kind == "window":
                return partial(self._pass_on, task, error)
            if error.retryable and task.failures + 1 < MAX_FAILURES:
                return partial(self._put_back, task, FIRST_PAUSE * 2**task.failures, failed=True)
            return partial(self._give_up, task, error)
        return partial(self._finished, task)

    async def _within_limits(self, task: Task, leave: Leave) -> None:
        if task.tries > MAX_TRIES:
            raise PoisonedError
        try:
            async with asyncio.timeout(self._limit_seconds):
                await self._work(task, leave)
        except TimeoutError:
            raise TaskTimeoutError from None

    async def _pass_on(self, task: Task, error: EngineUnavailableError) -> None:
        """Leave a window to another worker: whoever began the transcript had its engine. Alone, or after all tries, give up."""
        async with self._database.read() as session:
            others = (await repository.beats(session)).keys() - {self._worker}
        if not others or task.failures + 1 >= MAX_TRIES:
            await self._give_up(task, error)
            return
        self._aside[task.queue] = asyncio.get_running_loop().time() + ASIDE_SECONDS
        await self._put_back(task, 0.0, failed=True)

    async def _give_up(self, task: Task, error: VideoChatError) -> None:
        with contextlib.suppress(SupersededError):
            await self._fail(task.run, error.reason, error.message)
        await self._finished(task)

    async def _finished(self, task: Task) -> None:
        async with self._database.write() as session:
            await queues.done(session, self._worker, task)

    async def _put_back(self, task: Task, pause: float, *, failed: bool) -> None:
        async with self._database.write() as session:
            not_before = queues.later(datetime.now(UTC), pause)
            await queues.put_back(session, self._worker, task, not_before, failed=failed)

    async def _keep_to_the_books(self) -> None:
        """Compare what we hold by the books with what we do whenever there are news: a cancel takes effect that soon."""
        with self._news() as news:
            while True:
                await within(news, self._poll_seconds if self._running else IDLE_PAUSE)
                news.clear()
                try:
                    await self._compare()
                except VideoChatError as error:
                    log.warning("leases.unreadable", code=error.reason)
                    await asyncio.sleep(OUTAGE_PAUSE)
                await asyncio.sleep(BREATH)

    async def _compare(self) -> None:
        doing = dict(self._running)
        async with self._database.read() as session:
            held = await queues.leases(session, self._worker)
        for lease in doing.keys() - held - self._recording:
            doing[lease].cancel()
        now = asyncio.get_running_loop().time()
        dropped = held - doing.keys() - self._running.keys() - self._recording
        self._dropped = {lease: self._dropped.get(lease, now) for lease in dropped}
        if lost := {lease for lease, since in self._dropped.items() if now - since >= DROPPED_SECONDS}:
            log.warning("leases.dropped", tasks=sorted(lease.task_id for lease in lost))
            async with self._database.write() as session:
                await queues.release(session, self._worker, lost)


def _once(act: Callable[[], None]) -> Callable[[], None]:
    """Return what does it at its first call only."""
    left = [act]

    def again() -> None:
        while left:
            left.pop()()

    return again
