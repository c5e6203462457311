"""The job engine with steps that only take notes, on real databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from videochat.errors import EngineCrashedError, MediaError
from videochat.jobs.control import SupersededError
from videochat.jobs.engine import DbosQueue, DbosWorker, cutting, engine_url, migrate_engine
from videochat.jobs.job import Run
from videochat.settings import JobSettings, Settings

RUN = Run("job_1", 1)


class Notes:
    """Steps for a recording of three windows that write down what was asked of them."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.failures: list[Exception] = []
        self.hold = asyncio.Event()
        self.hold.set()
        self.interrupted = False

    async def begin(self, run: Run) -> None:
        self.done.append("begin")

    async def cut(self, run: Run) -> None:
        self.done.append("cut")

    async def window_ready(self, run: Run, n: int) -> bool:
        return n < 3

    async def transcribe(self, run: Run, n: int) -> None:
        if self.failures:
            raise self.failures.pop()
        try:
            await self.hold.wait()
        except asyncio.CancelledError:
            self.interrupted = True
            raise
        self.done.append(f"transcribe {n}")

    async def publish(self, run: Run, n: int) -> None:
        self.done.append(f"publish {n}")

    async def finish(self, run: Run) -> None:
        self.done.append("finish")

    async def fail(self, run: Run, code: str, message: str) -> None:
        self.done.append(f"fail {code}")


@pytest.fixture
async def url(database_url: str) -> str:
    found = engine_url(Settings(database={"url": database_url}))
    await migrate_engine(found)
    return found


@asynccontextmanager
async def working(url: str, notes: Notes, name: str = "w1") -> AsyncIterator[tuple[DbosWorker, DbosQueue]]:
    worker, queue = DbosWorker(url, notes, JobSettings(poll_seconds=0.05)), DbosQueue(url)
    await worker.start(name)
    try:
        yield worker, queue
    finally:
        await worker.stop()
        await queue.close()


async def ended(queue: DbosQueue, run: Run = RUN) -> str:
    """Wait for the run and its decoding."""
    async with asyncio.timeout(20):
        while {"ENQUEUED", "PENDING"} & set(
            (states := await queue.states([run.id, cutting(run)])).values()
        ) or not states:
            await asyncio.sleep(0.05)
    return states[run.id]


async def test_steps_run_in_order_and_decoding_beside_them(url: str) -> None:
    """Each window is transcribed, then published, in order; the cut is done once, as work of its own."""
    notes = Notes()
    async with working(url, notes) as (_, queue):
        await queue.enqueue(RUN, "normal")
        assert await ended(queue) == "SUCCESS"
    assert notes.done.count("cut") == 1
    assert [step for step in notes.done if step != "cut"] == [
        "begin", "transcribe 0", "publish 0", "transcribe 1", "publish 1", "transcribe 2", "publish 2", "finish",
    ]  # fmt: skip


async def test_queueing_twice_runs_once(url: str) -> None:
    """The run's id is the workflow's id."""
    notes = Notes()
    async with working(url, notes) as (_, queue):
        await queue.enqueue(RUN, "normal")
        await queue.enqueue(RUN, "urgent")
        await ended(queue)
        await queue.enqueue(RUN, "normal")
        await asyncio.sleep(0.3)
    assert notes.done.count("finish") == 1


async def test_a_known_failure_ends_the_job_with_its_reason(url: str) -> None:
    """An error that no retry can mend is reported once, with its code, and nothing follows."""
    notes = Notes()
    notes.failures = [MediaError("broken", code="media_truncated")]
    async with working(url, notes) as (_, queue):
        await queue.enqueue(RUN, "normal")
        await ended(queue)
    assert [step for step in notes.done if step != "cut"] == ["begin", "fail media_truncated"]


async def test_a_retryable_failure_is_tried_again(url: str) -> None:
    """A crashed engine costs one more try, not the job."""
    notes = Notes()
    notes.failures = [EngineCrashedError()]
    async with working(url, notes) as (_, queue):
        await queue.enqueue(RUN, "normal")
        assert await ended(queue) == "SUCCESS"
    assert "finish" in notes.done


async def test_tries_are_bounded(url: str) -> None:
    """An engine that always crashes ends the job with the crash as its reason."""
    notes = Notes()
    notes.failures = [EngineCrashedError() for _ in range(10)]
    async with working(url, notes) as (_, queue):
        await queue.enqueue(RUN, "normal")
        await ended(queue)
    assert notes.done[-1] == "fail engine_crashed"
    assert len(notes.failures) == 7


async def test_a_superseded_run_stops_quietly(url: str) -> None:
    """A run that is no longer wanted neither fails the job nor goes on."""
    notes = Notes()
    notes.failures = [SupersededError()]
    async with working(url, notes) as (_, queue):
        await queue.enqueue(RUN, "normal")
        assert await ended(queue) == "SUCCESS"
    assert [step for step in notes.done if step != "cut"] == ["begin"]


async def test_cancel_interrupts_the_step_in_flight(url: str) -> None:
    """The step that is being done is cancelled within a second or so, and no further step starts."""
    notes = Notes()
    notes.hold.clear()
    async with working(url, notes) as (_, queue):
        await queue.enqueue(RUN, "normal")
        async with asyncio.timeout(5):
            while "begin" not in notes.done:
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)
        await queue.cancel(RUN)
        async with asyncio.timeout(2):
            while not notes.interrupted:
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)
        assert await ended(queue) == "CANCELLED"
    assert not [step for step in notes.done if step.startswith(("publish", "fail", "finish"))]


async def test_cancelling_an_unknown_run_is_harmless(url: str) -> None:
    """A cancel that overtakes its own enqueue raises nothing."""
    notes = Notes()
    async with working(url, notes) as (_, queue):
        await queue.cancel(Run("job_unknown", 1))


async def test_another_worker_goes_on_where_one_stopped(url: str) -> None:
    """What a worker had finished is not done again by the one that takes over."""
    first, second = Notes(), Notes()
    async with working(url, first) as (_, queue):
        await queue.enqueue(RUN, "normal")
        async with asyncio.timeout(5):
            while "transcribe 0" not in first.done:
                await asyncio.sleep(0.01)
            first.hold.clear()
    async with working(url, second, "w2") as (worker, queue):
        assert await worker.take_over({"w2"}) == ["w1"]
        assert await ended(queue) == "SUCCESS"
    repeated = set(first.done) & set(second.done) - {"cut"}
    assert len(repeated) <= 1
    assert {f"publish {n}" for n in range(3)} <= set(first.done + second.done)
    assert second.done.count("finish") == 1
