"""A provider that writes at a steady pace: its model's name is the seconds between two pieces (AI__MODEL=0.02)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Self

from videochat.answers.provider import Piece, Request, Usage
from videochat.sections import AiSettings

PIECES = 250
CITED = 10  # every so many pieces the first source is cited


class PacedAnswers:
    """The provider behind AI__PROVIDER=paced."""

    name = "paced"

    def __init__(self, model: str) -> None:
        self.model: str | None = model
        self._pause = float(model)

    @classmethod
    def from_settings(cls, ai: AiSettings) -> Self:
        return cls(ai.model)

    async def answer(self, request: Request) -> AsyncGenerator[Piece, None]:
        for n in range(1, PIECES + 1):
            await asyncio.sleep(self._pause)
            yield f"word{n}. [{request.sources[0].key}] " if n % CITED == 0 else f"word{n} "
        yield Usage(input_tokens=1, output_tokens=PIECES)

    async def close(self) -> None:
        """Nothing is open."""
