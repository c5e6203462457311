"""A writer with a meter on it: how often it was asked, how that went, and how long it took."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from videochat.answers.provider import Piece, Provider, Request
from videochat.errors import VideoChatError
from videochat.ops.metrics import Metrics


class Metered:
    """Counts each request with what became of it: `ok`, the code of its error, or `left` by whoever asked."""

    def __init__(self, provider: Provider, metrics: Metrics) -> None:
        self._provider = provider
        self._metrics = metrics

    async def answer(self, request: Request) -> AsyncGenerator[Piece, None]:
        started, outcome = time.perf_counter(), "left"
        try:
            async with aclosing(self._provider.answer(request)) as pieces:
                async for piece in pieces:
                    yield piece
            outcome = "ok"
        except VideoChatError as error:
            outcome = error.code
            raise
        finally:
            self._metrics.provider_requests.labels(self._provider.name, outcome).inc()
            self._metrics.provider_seconds.labels(self._provider.name).observe(time.perf_counter() - started)
