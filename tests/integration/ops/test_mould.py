"""Moulds and their forks as real processes, some of which are out of their minds."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from casts import TALKATIVE
from processes import children, lives
from videochat.ops import mould as module
from videochat.ops.child import ChildEndedError
from videochat.ops.mould import CastLostError, Mould
from videochat.ops.serving import Message
from waiting import until

TESTS = Path(__file__).parents[2]


@pytest.fixture
def path(monkeypatch: pytest.MonkeyPatch) -> str:
    """Let child processes find `casts`."""
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)
    return path


@pytest.fixture
async def mould(path: str) -> AsyncIterator[Mould]:
    mould = await Mould.start("casts")
    yield mould
    await mould.kill()
    assert not lives(mould.pid)


async def done(mould: Mould, do: str, **values: object) -> list[Message]:
    async with mould.cast({"do": do, "request_id": "r1", **values}) as replies:
        return [reply async for reply in replies]


def files_of(mould: Mould) -> int:
    return len(list(Path(f"/proc/{mould.pid}/fd").iterdir()))


async def works(mould: Mould) -> bool:
    """Say whether the mould's next task is answered by a process of its own, with its own answer and nothing else."""
    first, second = await done(mould, "work", say="hello")
    return first == {"said": "hello"} and second["parent"] == mould.pid


async def test_each_task_has_a_process_of_its_own(mould: Mould) -> None:
    """It is a fork of the mould with one thread and one socket, however many came before it, and gone when it has answered."""
    answers = [(await done(mould, "work"))[0] for _ in range(3)]
    assert len({answer["pid"] for answer in answers}) == 3
    for answer in answers:
        assert (answer["parent"], answer["threads"], answer["sockets"]) == (mould.pid, 1, 1)
    assert children(mould.pid) == set()


async def test_tasks_at_the_same_time(mould: Mould) -> None:
    """They are done beside each other, each by a process that has no other's channel; one that ends ends no other."""
    async with mould.cast({"do": "hang", "request_id": None}) as replies:
        hanging = (await anext(replies))["pid"]
        answers = await asyncio.gather(*(done(mould, "work") for _ in range(5)))
        assert {answer["sockets"] for (answer,) in answers} == {1}
        assert children(mould.pid) == {hanging}
    assert not lives(hanging)


async def test_nothing_is_left_in_the_mould(mould: Mould) -> None:
    """After many tasks, well and badly ended, it has as many files open as after the first."""
    await done(mould, "work")
    before = files_of(mould)
    for _ in range(5):
        await done(mould, "work")
        with pytest.raises(ChildEndedError):
            await done(mould, "die")
        async with mould.cast({"do": "hang", "request_id": None}) as replies:
            await anext(replies)
    assert files_of(mould) == before


@pytest.mark.parametrize(
    ("do", "values", "status"),
    [("exit", {"status": 3}, 3), ("exit", {"status": 0}, 0), ("die", {}, -signal.SIGKILL), ("bug", {}, 1)],
)
async def test_how_a_process_ended_is_told(mould: Mould, do: str, values: dict[str, int], status: int) -> None:
    """What it said before is heard, then its status; the next task is done by the same mould."""
    heard = []
    with pytest.raises(ChildEndedError) as caught:
        async with mould.cast({"do": do, "say": "still well", "request_id": None, **values}) as replies:
            async for reply in replies:
                heard.append(reply)  # noqa: PERF401  # also what came before the error
    assert (caught.value.returncode, heard) == (status, [{"said": "still well"}])
    assert await works(mould)


async def test_a_crash_is_one_line_on_stderr(path: str, capfd: pytest.CaptureFixture[str]) -> None:
    """What ended the process is told as JSON, under the request that it worked for."""
    mould = await Mould.start("casts")
    with pytest.raises(ChildEndedError):
        await done(mould, "bug")
    await mould.kill()
    (line,) = [line for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    said = json.loads(line)
    assert (said["request_id"], said["event"]) == ("r1", "child.crashed")
    assert "ZeroDivisionError" in said["exception"]


@pytest.mark.parametrize(
    "said",
    ['{"half": ', "no JSON\n", "5\n", '{"done": true}\n{"said": "lies"}\n', '{"ended": -9}\n{"said": "lies"}\n', "x" * 300_000],
)  # fmt: skip
async def test_what_a_mad_process_writes_reaches_no_other_task(
    mould: Mould, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    """It writes to all that it has open: its own task may end as it likes, and the one beside it and the next are answered."""
    monkeypatch.setattr(module, "LINE_LIMIT", 100_000)
    async with mould.cast({"do": "hang", "say": "beside", "request_id": None}) as replies:
        await anext(replies)
        with suppress(ChildEndedError):
            assert await done(mould, "rave", bytes=said) == []
        assert list(await anext(replies)) == ["pid"]
    assert await works(mould)
    assert mould.alive


async def test_more_replies_than_a_channel_holds(mould: Mould) -> None:
    """A process that is faster than its reader waits for it, and nothing gets lost."""
    async with mould.cast({"do": "talk", "request_id": None}) as replies:
        assert await anext(replies) == {"n": 0}
        await asyncio.sleep(0.2)
        assert [reply["n"] async for reply in replies] == list(range(1, TALKATIVE))


@pytest.mark.parametrize("do", ["hang", "stand still", "talk"])
async def test_leaving_ends_the_process_at_once(mould: Mould, do: str) -> None:
    """Whoever listens no more leaves no process that works on for nobody, be it frozen or in the middle of a word."""
    async with mould.cast({"do": do, "request_id": None}) as replies:
        await anext(replies)
        assert children(mould.pid)
    assert children(mould.pid) == set()
    assert await works(mould)


async def test_a_cancel_ends_the_process_at_once(mould: Mould) -> None:
    """When the task that listened has been cancelled, its process is gone, and only that."""
    listening = asyncio.create_task(done(mould, "hang"))
    await until(lambda: len(children(mould.pid)) == 1)
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening
    assert children(mould.pid) == set()
    assert await works(mould)


async def test_a_killed_mould_takes_its_processes_along(mould: Mould) -> None:
    """Their tasks are lost through no fault of their own, and no orphan is left."""
    with pytest.raises(CastLostError):
        async with mould.cast({"do": "hang", "request_id": None}) as replies:
            pid = (await anext(replies))["pid"]
            os.kill(mould.pid, signal.SIGKILL)
            await anext(replies)
    await until(lambda: not lives(pid) and not mould.alive)
    with pytest.raises(CastLostError):
        await done(mould, "work")


async def test_a_killed_mould_is_dead_before_the_event_loop_has_heard_of_it(mould: Mould) -> None:
    """Whoever asks right then starts another instead of losing a task to the dead one."""
    os.kill(mould.pid, signal.SIGKILL)
    while lives(mould.pid):  # the event loop stands still meanwhile
        os.sched_yield()
    assert not mould.alive


async def test_a_frozen_mould_is_killed_when_it_is_to_end_a_task(mould: Mould, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever leaves waits for a while and then ends the mould with all that it forked, so that the next one is another."""
    monkeypatch.setattr(module, "END_SECONDS", 0.3)
    async with mould.cast({"do": "hang", "request_id": None}) as replies:
        pid = (await anext(replies))["pid"]
        os.kill(mould.pid, signal.SIGSTOP)
    assert not mould.alive
    await until(lambda: not lives(pid))


async def test_no_room_for_a_fork(path: str) -> None:
    """The task is lost, not the mould."""
    mould = await Mould.start("casts", environment={"NO_ROOM_FOR_FORKS": "1"})
    for _ in range(2):
        with pytest.raises(CastLostError):
            await done(mould, "work")
    assert mould.alive
    await mould.kill()


async def test_who_dies_takes_all_along(path: str) -> None:
    """A kill -9 of the process that started the mould leaves neither mould nor fork."""
    script = textwrap.dedent("""
        import asyncio
        from videochat.ops.mould import Mould

        async def main():
            mould = await Mould.start("casts")
            async with mould.cast({"do": "hang", "request_id": None}) as replies:
                print(mould.pid, (await anext(replies))["pid"], flush=True)
                await asyncio.sleep(600)

        asyncio.run(main())
    """)
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    pids: list[int] = []
    while len(pids) < 2:
        line = (await parent.stdout.readline()).split()
        pids = [int(word) for word in line if word.isdigit()]
    assert all(lives(pid) for pid in pids)
    parent.kill()
    await parent.wait()
    await until(lambda: not any(lives(pid) for pid in pids))


async def test_a_mould_that_nobody_can_ask_ends(mould: Mould) -> None:
    """Where no signal tells it that its parent died, the closed socket does; what it forked goes with it."""
    async with mould.cast({"do": "hang", "request_id": None}) as replies:
        pid = (await anext(replies))["pid"]
        mould._asking.close()
        await until(lambda: not mould.alive and not lives(pid))


async def test_who_is_cancelled_while_starting_leaves_no_orphan(path: str) -> None:
    """The process that was being started is gone when the cancel has taken effect."""
    starting = asyncio.create_task(Mould.start("casts"))
    await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert children() == set()
