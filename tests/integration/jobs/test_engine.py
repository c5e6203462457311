"""The job engine on real databases, with work that only takes notes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

import pytest
from sqlalchemy import select, update

from videochat.errors import (
    DatabaseUnavailableError,
    EngineCrashedError,
    EngineUnavailableError,
    MediaError,
    NotYetError,
    StorageFullError,
    StorageUnavailableError,
)
from videochat.jobs import control, engine, queues, repository
from videochat.jobs.engine import Engine
from videochat.jobs.job import Job, Run
from videochat.jobs.task import Task
from videochat.store import events
from videochat.store.events import TASKS
from videochat.store.feed import EventFeed
from videochat.store.session import Database, open_database
from videochat.store.tables import TaskRow
from waiting import until
from work import add_job, add_windows, job_now, take, tasks_left

POLL = 0.02


@dataclass
class Notes:
    """What engines were asked to do; `failures` are raised first, one each time; while `hold` is clear work goes on."""

    database: Database
    done: list[str] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    interrupted: int = 0
    at_once: int = 0
    most_at_once: int = 0
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    leaves: bool = False  # as soon as it has begun, and again at the end

    def __post_init__(self) -> None:
        self.hold.set()

    async def work(self, task: Task, leave: Callable[[], None]) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.failures:
                raise self.failures.pop(0)
            if self.leaves:
                leave()
            await self.hold.wait()
            if self.leaves:
                leave()
            await asyncio.sleep(0.01)
            self.done.append(f"{task.kind} {task.n}")
        except asyncio.CancelledError:
            self.interrupted += 1
            raise
        finally:
            self.at_once -= 1

    async def fail(self, run: Run, code: str, message: str) -> None:
        self.failed.append(code)
        async with self.database.write() as session:
            job = await control.held(session, run)
            await control.end(session, job, "failed", error={"code": code, "message": message})


@asynccontextmanager
async def working(notes: Notes, name: str = "w1", room: int = 2, **limits: float) -> AsyncIterator[Engine]:
    feed = EventFeed(notes.database)
    running = Engine(
        notes.database, notes.work, notes.fail, {"decode": 1, "transcribe": room}, partial(feed.news, TASKS),
        **{"poll_seconds": POLL, "limit_seconds": 5.0, **limits},
    )  # fmt: skip
    running.start(name)
    try:
        yield running
    finally:
        await running.stop()
        await feed.close()


async def empty(database: Database) -> bool:
    return await tasks_left(database) == 0


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the pauses short, which in life give a broken thing time to recover."""
    for pause in ("FIRST_PAUSE", "NOT_YET_PAUSE", "OUTAGE_PAUSE", "IDLE_PAUSE", "DROPPED_SECONDS"):
        monkeypatch.setattr(engine, pause, 0.02)


@pytest.fixture
def notes(database: Database) -> Notes:
    return Notes(database)


async def test_each_task_is_done_once_by_several_engines(database: Database, notes: Notes) -> None:
    """Three engines share forty windows: each is done, none twice, nothing is left."""
    await add_windows(database, await add_job(database, "a"), *range(40))
    async with working(notes, "w1"), working(notes, "w2"), working(notes, "w3"):
        await until(lambda: empty(database))
    assert sorted(notes.done) == sorted(["decode 0", *(f"window {n}" for n in range(40))])


async def test_nobody_waits_for_a_look(database: Database, notes: Notes) -> None:
    """A task that another process offers is begun, and one that it takes away is left, long before the next regular look."""
    elsewhere = open_database(database.engine.url.render_as_string(hide_password=False))
    notes.hold.clear()
    async with working(notes, poll_seconds=60):
        await asyncio.sleep(0.2)
        job = await add_job(elsewhere, "a")
        await until(lambda: notes.at_once == 1)
        await add_windows(elsewhere, job, 0)
        await until(lambda: notes.at_once == 2)
        async with elsewhere.write() as session:
            await control.end(session, job, "cancelled")
        await until(lambda: notes.interrupted == 2)
    await elsewhere.close()


async def test_each_queue_has_its_room(database: Database, notes: Notes) -> None:
    """Never more tasks at a time than there is room for, and never fewer while enough of them wait."""
    await add_windows(database, await add_job(database, "a"), *range(12))
    notes.hold.clear()
    async with working(notes, room=3):
        await until(lambda: notes.at_once == 4)  # three windows and the decoding
        await asyncio.sleep(5 * POLL)
        notes.hold.set()
        await until(lambda: empty(database))
    assert notes.most_at_once == 4


async def test_who_only_writes_down_leaves_room(database: Database, notes: Notes) -> None:
    """Tasks that have left their place let as many others begin and no more; leaving twice makes no room for two."""
    job = await add_job(database, "a")
    await add_windows(database, job, *range(12))
    notes.leaves = True
    notes.hold.clear()
    async with working(notes, room=3):
        await until(lambda: notes.at_once == 7)  # twice three windows and the decoding
        await asyncio.sleep(5 * POLL)
        assert notes.most_at_once == 7
        notes.hold.set()
        await until(lambda: empty(database))
        notes.leaves, notes.most_at_once = False, 0
        notes.hold.clear()
        await add_windows(database, job, *range(12, 20))
        await until(lambda: notes.at_once == 3)
        await asyncio.sleep(5 * POLL)
        notes.hold.set()
        await until(lambda: empty(database))
    assert notes.most_at_once == 3


async def test_a_failure_with_a_name_ends_the_job_with_its_reason(database: Database, notes: Notes) -> None:
    """What no retry can mend is reported once, with its code, and nothing of the job is left in the queues."""
    job = await add_job(database, "a")
    notes.failures = [MediaError("broken", code="media_truncated")]
    async with working(notes):
        await until(lambda: bool(notes.failed))
        await until(lambda: empty(database))
    ended = await job_now(database, job)
    assert (ended.status, ended.error) == ("failed", {"code": "media_truncated", "message": "broken"})


async def test_a_failure_that_may_pass_is_tried_again_and_not_for_ever(database: Database, notes: Notes) -> None:
    """A crashed engine costs a try, not the job; one that crashes each time ends the job after three."""
    await add_job(database, "a")
    notes.failures = [EngineCrashedError()]
    async with working(notes):
        await until(lambda: empty(database))
    assert (notes.done, notes.failed) == (["decode 0"], [])
    await add_job(database, "b")
    notes.failures = [EngineCrashedError() for _ in range(10)]
    async with working(notes):
        await until(lambda: empty(database))
    assert notes.failed == ["engine_crashed"]
    assert len(notes.failures) == 7


async def test_each_try_is_given_more_time(database: Database, notes: Notes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause doubles with every failure, so that what is broken has time to recover."""
    monkeypatch.setattr(engine, "FIRST_PAUSE", 100.0)
    await add_job(database, "a")
    notes.failures = [EngineCrashedError(), EngineCrashedError()]

    async def put_back(failures: int) -> bool:
        async with database.read() as session:
            return await session.scalar(select(TaskRow.failures)) == failures

    pauses = []
    async with working(notes):
        for failures in (1, 2):
            await until(partial(put_back, failures))
            async with database.write() as session:
                not_before = await session.scalar(select(TaskRow.not_before))
                assert not_before is not None
                pauses.append((not_before - datetime.now(UTC)).total_seconds())
                await session.execute(update(TaskRow).values(not_before=queues.AT_ONCE))
                await events.ring(session)
        await until(lambda: empty(database))
    assert pauses == [pytest.approx(100, abs=20), pytest.approx(200, abs=20)]
    assert notes.done == ["decode 0"]


async def lives(database: Database, *workers: str) -> None:
    """Let workers of other machines be known to live."""
    async with database.write() as session:
        for name in workers:
            await repository.beat(session, name, host="elsewhere", pid=1, now=datetime.now(UTC))


async def only_windows(database: Database, name: str, *numbers: int) -> Job:
    """Store a job of which only windows are left to do."""
    job = await add_job(database, name)
    async with database.write() as session:
        await queues.remove(session, job.id)
    await add_windows(database, job, *numbers)
    return job


async def test_a_worker_that_lacks_an_engine_leaves_windows_to_the_others(database: Database, notes: Notes) -> None:
    """It gives the window back at once, takes no more of them for a while, and the one that has the engine does all of them."""
    lacking = Notes(database, failures=[EngineUnavailableError() for _ in range(10)])
    await lives(database, "lacking", "fit")
    await only_windows(database, "a", *range(6))
    async with working(lacking, "lacking", room=1):
        await until(lambda: len(lacking.failures) == 9)
        async with working(notes, "fit"):
            await until(lambda: empty(database))
    assert sorted(notes.done) == [f"window {n}" for n in range(6)]
    assert (lacking.done, lacking.failed, len(lacking.failures)) == ([], [], 9)


async def test_an_engine_that_nobody_has_ends_the_job_with_its_reason(
    database: Database, notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once where no other worker lives or where nothing has begun yet; else when all tries are used."""
    reason = "There is no such model here."
    await only_windows(database, "alone", 0)
    notes.failures = [EngineUnavailableError(reason)]
    async with working(notes, "w1"):
        await until(lambda: empty(database))
    await lives(database, "w1", "other")
    await add_job(database, "beginning")
    notes.failures = [EngineUnavailableError(reason)]
    async with working(notes, "w1"):
        await until(lambda: empty(database))
    assert (notes.failed, notes.failures) == (["engine_unavailable"] * 2, [])
    monkeypatch.setattr(engine, "ASIDE_SECONDS", 0.0)
    job = await only_windows(database, "everywhere", 0)
    notes.failures = [EngineUnavailableError(reason) for _ in range(100)]
    async with working(notes, "w1"):
        await until(lambda: empty(database))
    assert len(notes.failures) == 100 - engine.MAX_TRIES
    assert (await job_now(database, job)).error == {"code": "engine_unavailable", "message": reason}


async def test_waiting_is_no_failure(database: Database, notes: Notes) -> None:
    """What must wait for space, memory or a twin waits as long as it takes; so does what an outage of the stores or a full disk interrupts."""
    await add_job(database, "a")
    notes.failures = [*(NotYetError() for _ in range(12)), *(DatabaseUnavailableError() for _ in range(12))]
    notes.failures += [*(StorageUnavailableError() for _ in range(12)), *(StorageFullError() for _ in range(12))]
    async with working(notes):
        await until(lambda: empty(database))
    assert (notes.done, notes.failed) == (["decode 0"], [])


async def test_what_has_no_name_is_tried_a_few_times_and_then_called_poisoned(
    database: Database, notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistake of ours, or a recording that kills its worker each time, ends as a failed job and not as an endless loop."""
    monkeypatch.setattr(engine, "MAX_TRIES", 3)
    await add_job(database, "a")
    notes.failures = [ZeroDivisionError() for _ in range(10)]
    async with working(notes):
        await until(lambda: empty(database))
    assert notes.failed == ["poisoned"]
    assert len(notes.failures) == 7


async def test_a_step_that_hangs_is_interrupted(database: Database, notes: Notes) -> None:
    """After its time limit a task counts as failed, and its engine has been told to stop."""
    await add_job(database, "a")
    notes.hold.clear()
    async with working(notes, limit_seconds=0.05):
        await until(lambda: bool(notes.failed))
    assert (notes.failed, notes.interrupted) == (["step_timeout"], 3)


async def test_a_cancel_interrupts_what_is_in_flight(database: Database, notes: Notes) -> None:
    """Well within a second after the job has ended its tasks are interrupted, and nothing of it is started again."""
    job = await add_job(database, "a")
    await add_windows(database, job, 0, 1, 2)
    notes.hold.clear()
    async with working(notes):
        await until(lambda: notes.at_once == 3)
        async with database.write() as session:
            await control.end(session, job, "cancelled")
        await until(lambda: notes.interrupted == 3, seconds=1)
        notes.hold.set()
        await asyncio.sleep(5 * POLL)
    assert notes.done == []


async def test_what_a_dead_worker_held_is_done_by_another(database: Database, notes: Notes) -> None:
    """Tasks of a worker that is gone go back to the queue; when it was only frozen it stops what it had begun."""
    await add_windows(database, await add_job(database, "a"), 0, 1)
    notes.hold.clear()
    async with working(notes, "frozen"):
        await until(lambda: notes.at_once == 3)
        async with database.write() as session:
            freed = await queues.release_of_dead(session, {"frozen"})
            for queue in ("decode", "transcribe", "transcribe"):  # another worker is faster than the frozen one
                await queues.take(session, queue, "other", datetime.now(UTC))
        await until(lambda: notes.interrupted == 3, seconds=1)
    assert len(freed) == 3
    assert notes.done == []


async def test_a_lease_that_nobody_works_on_is_given_back(database: Database, notes: Notes) -> None:
    """What the books say we hold although we do not – the end could not be written – is soon done after all."""
    await add_windows(database, await add_job(database, "a"), 0)
    await take(database, "decode", worker="w1")
    await take(database, "window", worker="w1")
    async with working(notes, "w1"):
        await until(lambda: empty(database))
    assert sorted(notes.done) == ["decode 0", "window 0"]


async def test_stopping_lets_work_end_for_a_while(database: Database, notes: Notes) -> None:
    """With time to drain what is in flight ends and counts; nothing new is taken."""
    await add_windows(database, await add_job(database, "a"), 0, 1, 2, 3)
    notes.hold.clear()
    async with working(notes) as running:
        await until(lambda: notes.at_once == 3)
        asyncio.get_running_loop().call_later(0.1, notes.hold.set)
        await running.stop(drain_seconds=5)
    assert len(notes.done) == 3
    assert await tasks_left(database) == 2


async def test_stopping_at_once_gives_work_back_untried(database: Database, notes: Notes) -> None:
    """What had to be interrupted can be taken by others at once, and the try does not count."""
    await add_job(database, "a")
    notes.hold.clear()
    async with working(notes) as running:
        await until(lambda: notes.at_once == 1)
        await running.stop()
    assert notes.interrupted == 1
    again = await take(database, "decode")
    assert again is not None
    assert again.tries == 1
