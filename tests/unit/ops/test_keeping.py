"""Work that is begun again whatever ends it."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from videochat.ops import keeping
from videochat.ops.keeping import Pauses, keep, kept
from videochat.ops.tasks import cancelled
from waiting import until


def test_pauses_double_until_it_has_lasted() -> None:
    """They stay at half a minute, and begin anew after what has lasted for more than a minute."""
    pauses = Pauses()
    assert [pauses.after(5.0) for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    assert [pauses.after(61.0), pauses.after(60.0)] == [1, 2]


async def test_what_fails_is_begun_again_until_it_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each failure is in the log with its traceback; what the work returns in the end is returned."""
    monkeypatch.setattr(keeping, "FIRST_PAUSE", 0.01)
    failures: list[Exception] = [OSError(28, "No space left on device"), KeyError("a mistake of ours")]

    async def work() -> str:
        if failures:
            raise failures.pop(0)
        return "done"

    with capture_logs() as logs:
        assert await kept("chores", work) == "done"
    told = [(line["event"], line["loop"], line["exc_info"], line["restart_in"]) for line in logs]
    assert told == [("loop.failed", "chores", True, 0.01), ("loop.failed", "chores", True, 0.02)]


async def test_what_fails_while_it_is_cancelled_stays_ended() -> None:
    """A worker that cannot be stopped properly must not be started again by who stops it."""
    times: list[int] = []

    async def work() -> None:
        times.append(len(times))
        try:
            await asyncio.sleep(60)
        finally:
            raise ProcessLookupError

    task = keep("work", work)
    await until(lambda: times == [0])
    await cancelled(task)
    assert (times, task.cancelled()) == ([0], False)


async def test_it_ends_when_it_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it works and while it pauses, for good."""
    times: list[int] = []

    async def work() -> None:
        times.append(len(times))
        if len(times) > 1:
            raise OSError
        await asyncio.sleep(60)

    for begun in (1, 2):
        task = keep("work", work)
        await until(lambda wanted=begun: len(times) == wanted)
        await cancelled(task)
        assert task.cancelled()
        assert len(times) == begun
