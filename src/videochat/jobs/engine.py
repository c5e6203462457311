"""Jobs on DBOS: the only file that names the job engine.

A run is a workflow, every step a durable one: after kill -9 only the step in flight is done again. The workflow's id is
the run's id, so queueing twice is harmless. DBOS keeps its books in its own SQLite file or its own PostgreSQL schema.

DBOS runs workflows on an event loop of its own, while everything of ours lives on the loop that started the worker
("home"), so each step hops over there. Home must be the main thread's: children die with the thread that started them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import structlog
from dbos import DBOS, DBOSClient, SetWorkflowID, error
from sqlalchemy.engine import make_url

from videochat.errors import VideoChatError
from videochat.jobs.control import SupersededError
from videochat.jobs.job import PRIORITIES, Priority, Run
from videochat.jobs.pipeline import Steps, process
from videochat.settings import JobSettings, Settings
from videochat.store.session import parse_url, prepare_sqlite_file

log = structlog.get_logger(__name__)

Result = TypeVar("Result")

# A workflow is only resumed by code of the same shape: raise this when the order of steps changes.
PIPELINE_VERSION = "1"
JOBS, DECODE = "jobs", "decode"
PROCESS, CUT = "process", "cut"
MAX_RECOVERIES = 10
TRIES_OF_A_STEP = 3
ENDED = frozenset({"SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"})


def engine_url(settings: Settings) -> str:
    """Return where DBOS keeps its books: a SQLite file beside ours, or a schema of the same PostgreSQL database."""
    url = parse_url(settings.database_url)
    if url.get_backend_name() == "sqlite":
        return f"sqlite:///{Path(url.database or '').with_name('jobs.db')}"
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


async def migrate_engine(url: str) -> None:
    """Create or upgrade the engine's own tables."""
    if database := _sqlite_file(url):
        await asyncio.to_thread(prepare_sqlite_file, database)
    await asyncio.to_thread(DBOS.migrate, url)


def _sqlite_file(url: str) -> Path | None:
    parsed = make_url(url)
    return Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None


def cutting(run: Run) -> str:
    """Return the id of the workflow that decodes for a run."""
    return f"{run.id}.cut"


class DbosQueue:
    """Queues and cancels runs from any process; knows nothing of what they do."""

    def __init__(self, url: str) -> None:
        self._client = DBOSClient(system_database_url=url, lazy=True, retry_connection_errors=False)

    async def enqueue(self, run: Run, priority: Priority) -> None:
        await self._client.enqueue_async(
            {
                "queue_name": JOBS,
                "workflow_name": PROCESS,
                "workflow_id": run.id,
                "app_version": PIPELINE_VERSION,
                "priority": PRIORITIES.index(priority) + 1,
            },
            run.job_id,
            run.attempt,
        )

    async def cancel(self, run: Run) -> None:
        await self._client.cancel_workflow_async(run.id, cancel_children=True)

    async def states(self, ids: Collection[str]) -> dict[str, str]:
        """Return the engine's state of each run that it knows, such as ENQUEUED, PENDING or SUCCESS."""
        found = await self._client.list_workflows_async(workflow_ids=list(ids), load_input=False, load_output=False)
        return {status.workflow_id: str(status.status) for status in found}

    async def close(self) -> None:
        await asyncio.to_thread(self._client.destroy)


class DbosWorker:
    """Works on queued runs in this process, of which there is one at a time."""

    def __init__(self, url: str, steps: Steps, settings: JobSettings) -> None:
        self._url = url
        self._steps = steps
        self._settings = settings
        self._home: _Home

    async def start(self, executor_id: str) -> None:
        """Take part under this name, which no other process may have had before."""
        self._home = _Home(asyncio.get_running_loop())
        await asyncio.to_thread(self._launch, executor_id)

    def _launch(self, executor_id: str) -> None:
        # In a thread, because DBOS's asynchronous functions would put their own executor into our loop.
        self._register_queues()  # before the launch, which otherwise looks for new queues only a second later
        DBOS(
            config={
                "name": "videochat",
                "system_database_url": self._url,
                "executor_id": executor_id,
                "application_version": PIPELINE_VERSION,
                "log_level": "WARNING",
                "run_migrations": False,
                "notification_listener_polling_interval_sec": 0.25,  # bounds how long stopping takes
            }
        )
        _speak_through_our_log()
        _bind(self._steps, self._home)
        DBOS.launch()

    def _register_queues(self) -> None:
        client = DBOSClient(system_database_url=self._url)
        for queue in (JOBS, DECODE):
            client.register_queue(
                queue,
                worker_concurrency=self._settings.concurrency,
                polling_interval_sec=self._settings.poll_seconds,
                on_conflict="always_update",
            )
        client.destroy()

    async def take_over(self, alive: Collection[str]) -> list[str]:
        """Queue the runs of executors that are not alive again and return whose they were."""
        pending = await asyncio.to_thread(DBOS.list_workflows, status="PENDING", load_input=False, load_output=False)
        dead = sorted({workflow.executor_id for workflow in pending if workflow.executor_id} - set(alive))
        if dead:
            # Not in the public interface: the version is pinned, and a test with kill -9 watches it.
            await asyncio.to_thread(DBOS._recover_pending_workflows, dead)  # noqa: SLF001
        return dead

    async def stop(self) -> None:
        """Leave at once; what is in flight is taken over by the next worker."""
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True, workflow_completion_timeout_sec=0)
        await self._home.cancel_all()  # only now: a step that failed because we stop would end its job


def _speak_through_our_log() -> None:
    """Take away the handler that DBOS gives itself; that steps are cancelled when we stop is no warning."""
    logger = logging.getLogger("dbos")
    logger.handlers.clear()
    logger.propagate = True
    logger.setLevel(logging.ERROR)


class _Home:
    """The loop that everything of ours lives on, and what DBOS has in flight there."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Do the work at home and wait for it on the loop of the caller, whose cancellation cancels it."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._tracked(work), self._loop))

    async def cancel_all(self) -> None:
        """Cancel what is in flight and wait until it has cleaned up; called at home."""
        for task in self._tasks:
            if not task.cancelling():  # a second cancel would interrupt the cleaning up after the first
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _tracked(self, work: Coroutine[Any, Any, Result]) -> Result:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            return await work
        finally:
            self._tasks.discard(task)


def _bind(steps: Steps, home: _Home) -> None:
    """Register the workflows with DBOS, bound to these steps."""
    durable = _DurableSteps(steps, home)

    @DBOS.workflow(name=CUT, max_recovery_attempts=MAX_RECOVERIES)
    async def cut(job_id: str, attempt: int) -> None:
        run = Run(job_id, attempt)
        await _to_the_end(run, durable.really_cut(run), durable)

    @DBOS.workflow(name=PROCESS, max_recovery_attempts=MAX_RECOVERIES)
    async def whole(job_id: str, attempt: int) -> None:
        run = Run(job_id, attempt)
        await _to_the_end(run, process(run, durable), durable)

    durable.cut_workflow = cut


async def _to_the_end(run: Run, work: Awaitable[None], durable: _DurableSteps) -> None:
    """Do the work; a failure that we know ends the job with its reason, one that we don't ends the workflow."""
    try:
        await work
    except SupersededError:
        log.info("run.superseded", job=run.job_id, attempt=run.attempt)
    except VideoChatError as failure:
        await durable.fail(run, failure.reason, failure.message)
    except error.DBOSMaxStepRetriesExceeded as exceeded:
        last = exceeded.errors[-1]
        if not isinstance(last, VideoChatError):
            raise
        await durable.fail(run, last.reason, last.message)


class _DurableSteps:
    """The pipeline's steps, each remembered by DBOS once it has ended."""

    def __init__(self, steps: Steps, home: _Home) -> None:
        self._home = home
        self.begin = self._durable("begin", steps.begin)
        self.really_cut = self._durable("cut", steps.cut)
        self.window_ready = self._durable("window_ready", steps.window_ready)
        self.transcribe = self._durable("transcribe", steps.transcribe)
        self.publish = self._durable("publish", steps.publish)
        self.finish = self._durable("finish", steps.finish)
        self.fail = self._durable("fail", steps.fail)
        self.cut_workflow: Callable[[str, int], Coroutine[Any, Any, None]]

    async def cut(self, run: Run) -> None:
        with SetWorkflowID(cutting(run)):
            await DBOS.enqueue_workflow_async(DECODE, self.cut_workflow, run.job_id, run.attempt)

    def _durable(
        self, name: str, step: Callable[..., Coroutine[Any, Any, Result]]
    ) -> Callable[..., Coroutine[Any, Any, Result]]:
        @DBOS.step(
            name=name,
            preemptible=True,
            retries_allowed=True,
            max_attempts=TRIES_OF_A_STEP,
            should_retry=_may_succeed_later,
        )
        async def remembered(job_id: str, attempt: int, *arguments: Any) -> Result:
            return await self._home.run(step(Run(job_id, attempt), *arguments))

        async def call(run: Run, *arguments: Any) -> Result:
            return await remembered(run.job_id, run.attempt, *arguments)

        return call


def _may_succeed_later(error: BaseException) -> bool:
    return isinstance(error, VideoChatError) and error.retryable
