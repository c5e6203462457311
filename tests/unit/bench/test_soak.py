"""What the soak makes of what it saw."""

from __future__ import annotations

import pytest

import soak
from harness.report import InvalidMeasureError

SECONDS = 100.0
CLEAN = {"jobs": 0, "processes": 0}


def seen(**last: float) -> soak.Series:
    """Return a run in which everything was the same all the time, but what is named, which grew evenly to this much."""
    series = soak.Series()
    for at in range(0, 100, 2):
        values = {f"web 1 {kind}": 10 + last.get(kind, 0.0) * at / SECONDS for kind in soak.BOUNDS if kind != "files"}
        series.add(float(at), {**values, "files": 4.0})
    return series


def test_growth_is_the_slope_after_the_warming_up() -> None:
    """What rises while it warms up is no leak, nor is a single peak."""
    moments = [(float(at), 50.0 if at == 60 else min(at, 20.0) + at / 10) for at in range(0, 100, 2)]
    assert soak.growth(moments, SECONDS) == pytest.approx(10.0)


def test_too_few_looks_tell_nothing() -> None:
    """A slope through a handful of points is a guess."""
    with pytest.raises(InvalidMeasureError):
        soak.growth([(float(at), 1.0) for at in range(25)], SECONDS)


def test_what_stays_as_it_is_meets_the_target() -> None:
    """Nothing grew, nothing went wrong and nothing is left."""
    assert soak.summary(seen(), SECONDS, {}, CLEAN)["met"]


@pytest.mark.parametrize("kind", [kind for kind in soak.BOUNDS if kind != "files"])
def test_each_kind_that_grows_misses_the_target(kind: str) -> None:
    """One process that loses one kind of thing is a leak."""
    found = soak.summary(seen(**{kind: 2 * soak.BOUNDS[kind]}), SECONDS, {}, CLEAN)
    assert not found["met"]
    assert found["growth"][kind] == pytest.approx(2 * soak.BOUNDS[kind], abs=0.1)


@pytest.mark.parametrize(("errors", "left"), [({"a 500": 1}, CLEAN), ({}, {**CLEAN, "processes": 1})])
def test_an_error_or_a_rest_misses_the_target(errors: dict[str, int], left: dict[str, int]) -> None:
    """Flat is not enough: a service that answers nothing would be."""
    assert not soak.summary(seen(), SECONDS, errors, left)["met"]
