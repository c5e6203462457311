"""The engine host with real child processes and a fake engine that comes in through the plugins' door."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from fake_engine import PACE, SEGMENTS, install
from videochat.errors import (
    ConfigurationError,
    EngineCrashedError,
    EngineUnavailableError,
    TranscriptionError,
    UnsupportedError,
    VideoChatError,
)
from videochat.transcripts.host import EngineHost, fetch_in_child
from videochat.transcripts.segment import Segment
from videochat.transcripts.transcriber import EngineSpec, Options

AUDIO = Path("window.flac")  # the fake engine does not listen
STEADY = EngineSpec("fake", "steady")


@pytest.fixture(autouse=True)
def fake_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", install(tmp_path / "plugins"))


@pytest.fixture
async def host() -> AsyncIterator[EngineHost]:
    host = EngineHost(limit=1, idle_seconds=30)
    yield host
    await host.close()


async def hear(host: EngineHost, spec: EngineSpec = STEADY, options: Options | None = None) -> list[Segment]:
    async with host.transcribe(spec, AUDIO, options or Options()) as listening:
        return [segment async for segment in listening.segments]


def process_of(segment: Segment) -> int:
    return int(segment.text.split()[-1])


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_segments_come_in_order_with_the_language(host: EngineHost) -> None:
    """A window gives its language and all segments, in order, with their words."""
    async with host.transcribe(STEADY, AUDIO, Options(language="de")) as listening:
        segments = [segment async for segment in listening.segments]
    assert listening.language == "de"
    assert [segment.start for segment in segments] == [n * 0.5 for n in range(SEGMENTS)]
    assert all(segment.words and segment.confidence == 0.9 for segment in segments)


async def test_segments_come_while_the_engine_still_works(host: EngineHost) -> None:
    """The first segment arrives well before the last one: nobody waits for the whole window."""
    async with host.transcribe(STEADY, AUDIO, Options()) as listening:
        times = [time.monotonic() async for _ in listening.segments]
    assert times[-1] - times[0] > (SEGMENTS - 2) * PACE


async def test_an_idle_engine_is_used_again(host: EngineHost) -> None:
    """The next window of the same spec goes to the same process, which has the model loaded."""
    first, second = await hear(host), await hear(host)
    assert process_of(first[0]) == process_of(second[0])


async def test_a_warm_engine_is_the_one_that_listens(host: EngineHost) -> None:
    """An engine that was asked for in advance is loaded once, and the first window waits for it instead of loading another."""
    host.warm(STEADY)
    host.warm(STEADY)
    heard = await hear(host)
    assert host.pids == [process_of(heard[0])]
    host.warm(STEADY)
    assert process_of((await hear(host))[0]) == process_of(heard[0])


async def test_each_load_is_told_once() -> None:
    """With the engine and the seconds; a process that has it loaded tells nothing."""
    loads: list[tuple[str, float]] = []
    host = EngineHost(1, 30, on_load=lambda spec, seconds: loads.append((spec.model, seconds)))
    for model in ("steady", "steady", "other"):
        await hear(host, EngineSpec("fake", model))
    await host.close()
    assert [model for model, _ in loads] == ["steady", "other"]
    assert all(seconds >= 0 for _, seconds in loads)


async def test_an_engine_that_cannot_be_warmed_is_told_to_whom_it_concerns(host: EngineHost) -> None:
    """Warming raises nothing; the window that wants the engine gets the error, and nothing is left behind."""
    host.warm(EngineSpec("fake", "unloadable"))
    with pytest.raises(EngineUnavailableError):
        await hear(host, EngineSpec("fake", "unloadable"))
    assert host.pids == []
    assert len(await hear(host)) == SEGMENTS


async def test_another_spec_takes_the_place_of_an_idle_engine(host: EngineHost) -> None:
    """With room for one process, a new engine ends the idle one first."""
    first = process_of((await hear(host))[0])
    second = process_of((await hear(host, EngineSpec("fake", "other")))[0])
    assert first != second
    assert not lives(first)
    assert host.pids == [second]


async def test_an_engine_that_nobody_uses_is_ended() -> None:
    """After the idle time the process is gone, and with it its memory."""
    host = EngineHost(limit=1, idle_seconds=0.1)
    pid = process_of((await hear(host))[0])
    async with asyncio.timeout(5):
        while lives(pid):
            await asyncio.sleep(0.02)
    assert host.pids == []
    assert process_of((await hear(host))[0]) != pid
    await host.close()


async def test_a_cancel_ends_the_engine_at_once(host: EngineHost) -> None:
    """A cancelled task leaves no process behind after 0.6 s, although the engine would work for a minute; the next one works."""
    started = asyncio.Event()
    pids = []

    async def listen() -> None:
        async with host.transcribe(EngineSpec("fake", "slow"), AUDIO, Options()) as listening:
            async for segment in listening.segments:
                pids.append(process_of(segment))
                started.set()

    task = asyncio.create_task(listen())
    await asyncio.wait_for(started.wait(), 10)
    cancelled = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not lives(pids[0])
    assert time.monotonic() - cancelled < 0.6
    assert len(await hear(host)) == SEGMENTS


async def test_leaving_early_ends_the_engine(host: EngineHost) -> None:
    """Whoever stops reading in the middle leaves no process that works on for nobody."""
    async with host.transcribe(STEADY, AUDIO, Options()) as listening, aclosing(listening.segments) as segments:
        pid = process_of(await anext(segments))
    assert not lives(pid)
    assert host.pids == []


@pytest.mark.parametrize("model", ["crash", "bug"])
async def test_a_crash_is_worth_a_retry_and_leaves_the_host_whole(host: EngineHost, model: str) -> None:
    """A process that ends unexpectedly is an EngineCrashedError, and the next window gets a fresh process."""
    with pytest.raises(EngineCrashedError) as caught:
        await hear(host, EngineSpec("fake", model))
    assert caught.value.retryable
    assert len(await hear(host)) == SEGMENTS


async def test_a_killed_engine_is_a_crash(host: EngineHost) -> None:
    """Kill -9 in the middle of a window, as the kernel does when memory runs out, is reported with advice."""
    with pytest.raises(EngineCrashedError, match="STT__MODEL"):
        async with host.transcribe(STEADY, AUDIO, Options()) as listening:
            async for segment in listening.segments:
                os.kill(process_of(segment), signal.SIGKILL)
    assert len(await hear(host)) == SEGMENTS


async def test_an_engine_killed_while_idle_is_replaced(host: EngineHost) -> None:
    """A process that died while nobody used it is not offered to the next one."""
    pid = process_of((await hear(host))[0])
    os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(5):
        while host.pids:
            await asyncio.sleep(0.02)
    assert process_of((await hear(host))[0]) != pid


@pytest.mark.parametrize(
    ("spec", "options", "expected", "code"),
    [
        (STEADY, Options(language="xx"), UnsupportedError, "language_unknown"),
        (EngineSpec("fake", "unloadable"), Options(), EngineUnavailableError, "engine_unavailable"),
        (EngineSpec("fake", "fail"), Options(), TranscriptionError, "transcription_failed"),
        (EngineSpec("nobody", "x"), Options(), ConfigurationError, "configuration"),
    ],
)
async def test_errors_keep_their_class_and_code(
    host: EngineHost, spec: EngineSpec, options: Options, expected: type[VideoChatError], code: str
) -> None:
    """What the engine raises over there is raised here, as itself."""
    with pytest.raises(expected) as caught:
        await hear(host, spec, options)
    assert (type(caught.value), caught.value.reason) == (expected, code)


async def test_waiters_queue_fairly(host: EngineHost) -> None:
    """With one process, windows are done in the order in which they were asked for, one at a time."""
    finished = []

    async def listen(n: int) -> None:
        await hear(host, EngineSpec("fake", f"steady {n % 2}"))
        assert len(host.pids) <= 1
        finished.append(n)

    await asyncio.gather(*(listen(n) for n in range(4)))
    assert finished == [0, 1, 2, 3]


async def test_two_processes_work_at_the_same_time() -> None:
    """With room for two, two windows are listened to by two processes at once."""
    host = EngineHost(limit=2, idle_seconds=30)
    one, two = await asyncio.gather(hear(host), hear(host))
    assert process_of(one[0]) != process_of(two[0])
    assert len(host.pids) == 2
    await host.close()
    assert not lives(process_of(one[0]))
    assert not lives(process_of(two[0]))


async def test_a_closed_host_starts_nothing(host: EngineHost) -> None:
    """After close() nobody gets an engine, and the message says why."""
    await host.close()
    with pytest.raises(EngineUnavailableError, match="shutting down"):
        await hear(host)


async def test_fetching_reports_what_the_engine_says() -> None:
    """A model that can be fetched is fetched; one that cannot is an EngineUnavailableError with the engine's words."""
    await fetch_in_child("fake", "known", 10)
    with pytest.raises(EngineUnavailableError, match="no such model"):
        await fetch_in_child("fake", "unknown", 10)


async def test_fetching_is_bounded_and_survives_a_crash() -> None:
    """A fetch that takes too long or crashes is an EngineUnavailableError, so that another engine can take over."""
    began = time.monotonic()
    with pytest.raises(EngineUnavailableError, match="STT__FETCH_SECONDS"):
        await fetch_in_child("fake", "stalled", 1)
    assert time.monotonic() - began < 3
    with pytest.raises(EngineUnavailableError):
        await fetch_in_child("fake", "crash", 10)
