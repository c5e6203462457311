"""Telling dead workers from slow ones."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from videochat.jobs.liveness import Beat, Liveness, is_gone, this_host

EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def beat(seconds: float, host: str = "elsewhere", pid: int = 1) -> Beat:
    return Beat(host, pid, EPOCH + timedelta(seconds=seconds))


def test_a_worker_is_dead_when_its_beat_stands_still() -> None:
    """It counts how long we have seen the same beat, not what time it says: clocks differ by years here."""
    clock = Clock()
    liveness = Liveness(5, clock)
    for second in range(5):
        clock.now = second
        assert liveness.dead({"steady": beat(second), "still": beat(0)}) == set()
    clock.now = 5.5
    assert liveness.dead({"steady": beat(5), "still": beat(0)}) == {"still"}


def test_whoever_could_not_look_starts_anew() -> None:
    """After an outage, in which nobody could beat, nobody is dead before the patience has passed again."""
    clock = Clock()
    liveness = Liveness(5, clock)
    liveness.dead({"w": beat(0)})
    clock.now = 60
    liveness.forget()
    assert liveness.dead({"w": beat(0)}) == set()
    clock.now = 66
    assert liveness.dead({"w": beat(0)}) == {"w"}


def test_a_process_that_is_gone_from_this_machine_is_dead_at_once() -> None:
    """No patience is needed where the kernel knows; elsewhere the same number says nothing."""
    unused = 2**22 + 1  # above the largest process number that Linux gives
    assert Liveness(5, Clock()).dead({"w": beat(0, this_host(), unused)}) == {"w"}
    assert is_gone(beat(0, this_host(), unused))
    assert not is_gone(beat(0, this_host(), os.getpid()))
    assert not is_gone(beat(0, "elsewhere", unused))
