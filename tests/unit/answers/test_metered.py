"""How often a provider was asked, and how that went."""

from __future__ import annotations

from contextlib import aclosing

import pytest

from fake_provider import FakeProvider
from videochat.answers.metered import Metered
from videochat.answers.provider import Request
from videochat.errors import ProviderDeniedError
from videochat.ops.breaker import Breaker
from videochat.ops.metrics import Metrics

REQUEST = Request("What?", ())


async def test_each_request_is_counted_with_its_end() -> None:
    """One that ended well, one that the provider refused, and one whose asker left; each with its time."""
    metrics = Metrics()
    well = Metered(FakeProvider(["a", "b"]), metrics, Breaker())
    assert [piece async for piece in well.answer(REQUEST)] == ["a", "b"]
    with pytest.raises(ProviderDeniedError):
        _ = [
            piece async for piece in Metered(FakeProvider([ProviderDeniedError()]), metrics, Breaker()).answer(REQUEST)
        ]
    left = FakeProvider(["a", "b"])
    async with aclosing(Metered(left, metrics, Breaker()).answer(REQUEST)) as pieces:
        await anext(pieces)
    assert left.left == 1
    totals = metrics.totals()
    outcomes = {("fake", outcome): (1.0,) for outcome in ("ok", "provider_denied", "left")}
    assert totals["videochat_provider_requests"] == outcomes
    assert totals["videochat_provider_request_seconds"]["fake",][-2] == 3
