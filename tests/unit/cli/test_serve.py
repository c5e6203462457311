"""The worker process that `serve` starts, and starts again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from videochat.cli import serve
from videochat.ops import keeping
from videochat.ops.tasks import cancelled
from waiting import until


class EnoughError(Exception):
    """No process is started any more."""


class Processes:
    """Starts processes that live for so many seconds each, by a clock that nobody has to wait for."""

    def __init__(self, lives: Iterable[float], monkeypatch: pytest.MonkeyPatch) -> None:
        self._lives = iter(lives)
        self._now = 0.0
        self.pauses: list[float] = []
        monkeypatch.setattr(serve.asyncio, "create_subprocess_exec", self._start)
        monkeypatch.setattr(serve.asyncio, "sleep", self._sleep)
        monkeypatch.setattr(serve.asyncio, "get_running_loop", lambda: SimpleNamespace(time=lambda: self._now))

    async def _start(self, *command: str, **named: Any) -> SimpleNamespace:
        life = next(self._lives, None)
        if life is None:
            raise EnoughError

        async def wait() -> None:
            self._now += life

        return SimpleNamespace(wait=wait, returncode=1)

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self._now += seconds


async def test_a_worker_that_keeps_dying_young_is_started_ever_more_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause doubles up to half a minute, and is a second again after a worker that lived for more than a minute."""
    processes = Processes([5.0] * 7 + [61.0, 59.0, 0.1], monkeypatch)
    with pytest.raises(EnoughError):
        await serve._supervise_worker(patience=1.0)
    assert processes.pauses == [1, 2, 4, 8, 16, 30, 30, 1, 2, 4]


async def test_a_worker_that_cannot_be_started_is_started_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without memory or handles for a moment does not leave the service without a worker for good."""
    started: list[bool] = []

    async def start(*command: str, **named: Any) -> SimpleNamespace:
        started.append(True)
        if len(started) == 1:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return SimpleNamespace(wait=ended.wait, terminate=ended.set, returncode=None)

    ended = asyncio.Event()
    monkeypatch.setattr(keeping, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(serve.asyncio, "create_subprocess_exec", start)
    app = SimpleNamespace(media=SimpleNamespace(keep_decoder_ready=lambda: None))
    server = SimpleNamespace(up=asyncio.Event())
    server.up.set()
    helping = asyncio.create_task(serve._helpers(app, server, 0.01, with_worker=True))
    await until(lambda: len(started) == 2)
    await cancelled(helping)
    assert (len(started), ended.is_set()) == (2, True)
