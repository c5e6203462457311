"""What the measurements of reliability and scale make of what they have seen."""

from __future__ import annotations

import pytest

import cancel
import first_text
import kill
import raw
import start
import thousand
import workers
from harness.paced import Listening
from harness.victims import Strike

SEGMENTS = [(0, 0.0, 10.0, "aaaa"), (1, 10.0, 20.0, "bbbb")]
JOB = {
    "status": "completed",
    "created_at": "2026-01-01T00:00:00+00:00",
    "finished_at": "2026-01-01T00:00:09+00:00",
}
BEFORE, AGAIN = Listening(7, "a", 1.0, None), Listening(8, "a", 4.0, 5.0)


def judged(in_flight: int, *, when: float = 2.0, heirs: bool = True, **job: str) -> kill.Cell:
    undisturbed = kill.Undisturbed("med", 6.0, SEGMENTS)
    return kill.judge({**JOB, **job}, Strike(when, in_flight, heirs), [BEFORE, AGAIN], undisturbed, SEGMENTS)


def test_windows_in_flight_may_be_heard_again() -> None:
    """The take-over counts from the kill to when they are begun again."""
    cell = judged(in_flight=1)
    assert (cell.repeated, cell.beyond, cell.takeover, cell.delay, cell.identical) == (1, 0, 2.0, 3.0, True)
    assert kill.worst([cell])["met"]


@pytest.mark.parametrize("cell", [judged(in_flight=0), judged(in_flight=1, status="failed")])
def test_more_repeated_than_in_flight_or_not_completed_misses_the_target(cell: kill.Cell) -> None:
    """One bad case is enough."""
    assert not kill.worst([judged(in_flight=1), cell])["met"]


@pytest.mark.parametrize(("heirs", "met"), [(True, False), (False, True)])
def test_a_late_take_over_misses_the_target(heirs: bool, met: bool) -> None:
    """Whoever lives on has ten seconds; where nobody did, what has to be started first may take longer."""
    late = judged(in_flight=1, when=AGAIN.began - kill.TAKEOVER_SECONDS - 0.1, heirs=heirs)
    assert kill.worst([judged(in_flight=1), late])["met"] is met


def test_a_kill_explains_no_more_than_its_worker_could_do() -> None:
    """Two windows at a time: a third one that is heard again was heard twice without a reason."""
    death = thousand.Kill(2.0, frozenset({7}))
    assert thousand.excused([BEFORE], [death]) == 1
    assert thousand.excused([BEFORE] * 3, [death]) == thousand.AT_A_TIME
    assert thousand.excused([Listening(7, "a", 3.0, 4.0), Listening(9, "a", 1.0, None)], [death]) == 0


def test_a_seed_gives_the_same_kills_again() -> None:
    """Chance that cannot be repeated finds bugs that cannot be found."""
    assert thousand.plan(1000, 5, 3) == thousand.plan(1000, 5, 3) != thousand.plan(1000, 5, 4)
    assert all(50 <= moment < 950 and victim < thousand.WORKERS for moment, victim in thousand.plan(1000, 5, 3))


def test_efficiency_is_speed_against_so_many_times_one_worker() -> None:
    """Half the time with two workers is all that can be had."""
    runs = [
        workers.Run(count, seconds, seconds + 2, []) for count, seconds in ((1, 10.0), (2, 5.0), (2, 5.0), (1, 10.0))
    ]
    result = workers.Result.of(runs, 2)
    assert result.listening_efficiency == 1.0
    assert result.job_efficiency == pytest.approx(12 / 7 / 2)


@pytest.mark.parametrize(
    "stop", [cancel.Stop("sqlite", "cancel", 0.01, 20.0, 1), cancel.Stop("sqlite", "pause", 0.01, 0.1, 1)]
)
def test_an_engine_that_goes_on_misses_the_target(stop: cancel.Stop) -> None:
    """Neither an engine that stays nor one that comes back may pass for a measurement that failed."""
    good = cancel.Stop("sqlite", "cancel", 0.01, 0.1)
    assert cancel.summary([good])["met"]
    assert not cancel.summary([good, stop])["met"]


def test_the_first_text_of_each_side_only_warms_up() -> None:
    """Seven runs a side count, and both sides meet the machine early and late."""
    order = first_text.order()
    assert order[:6] == ["short", "long", "long", "short", "short", "long"]
    runs = [first_text.Run(side, 99.0 if turn < 2 else 1.0 + (side == "long"), "a") for turn, side in enumerate(order)]
    summary = first_text.summary({"sqlite": runs})
    assert summary["ratio"] == 2.0
    assert summary["sqlite"]["short"] == {"seconds": [1.0] * 7, "median": 1.0, "lowest": 1.0, "highest": 1.0}


@pytest.mark.parametrize(("two", "one", "met"), [(5.0, 10.3, True), (6.5, 10.3, False), (5.0, 10.4, False)])
def test_two_cores_must_be_faster_and_one_worker_as_fast_as_the_bare_call(two: float, one: float, met: bool) -> None:
    """More is better of speed, less is better of time, and all three targets count."""
    seconds = {"sequential": 10.0, "batched": 6.0, "two": two, "one": one, "two_default": 9.0}
    summary = raw.summary({side: [raw.Run(each, [])] * 3 for side, each in seconds.items()})
    assert summary["two_against_sequential"] == round(10 / two, 3)
    assert summary["one_against_sequential"] == one / 10
    assert summary["met"] is met


def test_a_start_is_judged_by_its_median() -> None:
    """One slow start among quick ones misses nothing; the ratio is to the bare server of the same rounds."""
    found = start.summary({"serve": [1.0, 9.0, 1.5], "bare": [1.0, 0.5, 0.75]})
    assert (found["seconds"], found["ratio"], found["met"]) == (1.5, 2.0, True)
    assert not start.summary({"serve": [2.1], "bare": [1.0]})["met"]
