"""Rates and slots."""

from __future__ import annotations

import pytest

from videochat.errors import TooManyError
from videochat.web.limits import Rates
from videochat.web.slots import Slots


async def test_a_rate_is_counted_for_each_by_itself() -> None:
    """The third of two is refused and told when to come again; somebody else and another kind are not."""
    rates = Rates()
    first, second, third = [await rates.hit("2/hour", "read", "anna") for _ in range(3)]
    assert [window.allowed for window in (first, second, third)] == [True, True, False]
    assert [window.remaining for window in (first, second, third)] == [1, 0, 0]
    assert 0 < third.reset <= 3600
    assert first.headers["RateLimit-Limit"] == "2"
    assert (await rates.hit("2/hour", "read", "ben")).allowed
    assert (await rates.hit("2/hour", "ask", "anna")).allowed


async def test_a_slot_is_given_back() -> None:
    """However what held it ends; and nobody takes the slots of somebody else."""
    slots = Slots()
    async with slots.one("streams", "anna", 1):
        with pytest.raises(TooManyError) as caught:
            async with slots.one("streams", "anna", 1):
                pass
        async with slots.one("streams", "ben", 1), slots.one("uploads", "anna", 1):
            pass
    assert caught.value.reason == "too_many_streams"
    with pytest.raises(ZeroDivisionError):
        async with slots.one("streams", "anna", 1):
            raise ZeroDivisionError
    async with slots.one("streams", "anna", 1):
        pass
