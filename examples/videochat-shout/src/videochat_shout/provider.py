"""Answers in capitals: AI__PROVIDER=shout."""

from collections.abc import AsyncGenerator
from typing import Self

from videochat.answers.provider import Piece, Request
from videochat.sections import AiSettings


class Shout:
    """Says the line that shares most words with the question."""

    name = "shout"  # as in the entry point
    model = None  # no language model

    @classmethod
    def from_settings(cls, ai: AiSettings) -> Self:  # noqa: ARG003  # others take their model and key from it
        return cls()

    async def answer(self, request: Request) -> AsyncGenerator[Piece, None]:
        asked = set(request.question.lower().split())
        lines = [(source.key, line.text) for source in request.sources for line in source.segments]
        if lines:
            key, text = max(lines, key=lambda line: len(asked & set(line[1].lower().split())))
            # Behind a sentence stands what supports it; VideoChat checks the quote, and shows where it was said.
            yield f'{text.upper()} [{key}: "{text}"]'

    async def close(self) -> None:
        """Nothing is open."""
