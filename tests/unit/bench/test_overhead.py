"""What the measurement of the work around a route makes of processor times."""

from __future__ import annotations

import pytest

import overhead


def test_the_dearer_way_to_come_in_counts() -> None:
    """Each block is compared with the one beside it, so that a slower machine meets both."""
    session = overhead.Costs(bare=(0.1, 0.2, 0.1), ours=(0.3, 0.4, 0.3))
    key = overhead.Costs(bare=(0.1, 0.2, 0.1), ours=(0.6, 0.7, 0.6))
    found = overhead.summary({"session": session, "key": key})
    assert (found["cpu_ms_over_bare"], found["ratio"], found["bare_cpu_ms"]) == (0.5, 6.0, 0.1)
    assert found["session"] == {"cpu_ms": 0.3, "over_bare": 0.2}


@pytest.mark.parametrize(("ours", "met"), [(0.7, True), (0.72, False)])
def test_more_than_the_target_misses_it(ours: float, met: bool) -> None:
    """A ratio may be any: what people wait for is time."""
    assert overhead.summary({"key": overhead.Costs((0.1,), (ours,))})["met"] is met
