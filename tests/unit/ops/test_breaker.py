"""Leaving a provider alone that fails again and again."""

from __future__ import annotations

import pytest

from videochat.errors import ProviderDeniedError, ProviderUnavailableError
from videochat.ops.breaker import FAILURES, OPEN_SECONDS, Breaker


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def fail(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        breaker.enter()
        breaker.leave(ProviderUnavailableError(), answered=False)


def test_after_failures_in_a_row_nobody_waits_for_one_more() -> None:
    """Whoever asks is told at once, with the time; then one asks first, and the others still do not."""
    clock = Clock()
    breaker = Breaker(clock)
    fail(breaker, FAILURES)
    with pytest.raises(ProviderUnavailableError, match="30 seconds"):
        breaker.enter()
    clock.now += OPEN_SECONDS
    breaker.enter()
    with pytest.raises(ProviderUnavailableError):
        breaker.enter()
    breaker.leave(None, answered=True)
    breaker.enter()
    assert not breaker.failing


def test_a_first_one_that_fails_closes_it_again() -> None:
    """It is left alone for as long again; one whose asker left says nothing, and the next may try."""
    clock = Clock()
    breaker = Breaker(clock)
    fail(breaker, FAILURES)
    clock.now += OPEN_SECONDS
    breaker.enter()
    breaker.leave(None, answered=False)
    assert breaker.failing
    fail(breaker)
    with pytest.raises(ProviderUnavailableError):
        breaker.enter()


def test_only_failures_in_a_row_count_and_a_refusal_is_an_answer() -> None:
    """A success or a refusal in between begins the count anew."""
    breaker = Breaker(Clock())
    for ending in (None, ProviderDeniedError()):
        fail(breaker, FAILURES - 1)
        breaker.enter()
        breaker.leave(ending, answered=ending is None)
    fail(breaker, FAILURES - 1)
    breaker.enter()
