"""A provider that says what a test wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from types import EllipsisType
from typing import Self

from videochat.answers.provider import Piece, Request
from videochat.sections import AiSettings


class FakeProvider:
    """Gives the pieces in order, raises those that are errors, and waits for ever where it gets `...`."""

    name = "fake"
    model: str | None = "fake-1"

    def __init__(self, pieces: Sequence[Piece | Exception | EllipsisType] = ()) -> None:
        self.pieces = pieces
        self.requests: list[Request] = []
        self.left = 0

    @classmethod
    def from_settings(cls, ai: AiSettings) -> Self:
        return cls()

    async def answer(self, request: Request) -> AsyncGenerator[Piece, None]:
        self.requests.append(request)
        whole = False
        try:
            for piece in self.pieces:
                if piece is ...:
                    await asyncio.Event().wait()
                elif isinstance(piece, Exception):
                    raise piece
                else:
                    yield piece
            whole = True
        finally:
            self.left += not whole

    async def close(self) -> None:
        """Nothing is open."""
