"""A writer with a meter on it: how often it was asked, how that went, how long it took, and whether to ask it at all."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from videochat.answers.provider import Piece, Provider, Request
from videochat.errors import VideoChatError
from videochat.ops.breaker import Breaker
from videochat.ops.metrics import Metrics


class Metered:
    """Counts each request with what became of it: `ok`, the code of its error, or `left` by whoever asked."""

    def __init__(self, provider: Provider, metrics: Metrics, breaker: Breaker) -> None:
        self._provider = provider
        self._metrics = metrics
        self._breaker = breaker

    async def answer(self, request: Request) -> AsyncGenerator[Piece, None]:
        self._breaker.enter()
        started, outcome, failure = time.perf_counter(), "left", None
        try:
            async with aclosing(self._provider.answer(request)) as pieces:
                async for piece in pieces:
                    yield piece
            outcome = "ok"
        except VideoChatError as error:
            outcome, failure = error.code, error
            raise
        finally:
            self._breaker.leave(failure, answered=outcome == "ok")
            self._metrics.provider_requests.labels(self._provider.name, outcome).inc()
            self._metrics.provider_seconds.labels(self._provider.name).observe(time.perf_counter() - started)
