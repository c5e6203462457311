"""An embedder that knows a few words which mean the same, and does what a test wants."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Sequence
from typing import Self

from videochat.errors import EmbedderError
from videochat.passages.analyse import terms
from videochat.sections import AiSettings

SYNONYMS = ("car automobile vehicle 汽车", "dog puppy hound", "plant leaves tree", "money salary wage payment")
CONCEPTS = {word: n for n, words in enumerate(SYNONYMS) for word in terms(words)}
WIDTH = 64


class FakeEmbedder:
    """Counts a text's words, of which some are the same to it; waits `delay` seconds, raises `error`, refuses texts with a word."""

    name = "fake"

    def __init__(self, model: str = "fake-1", width: int = WIDTH) -> None:
        self.model = model
        self.width = width
        self.delay = 0.0
        self.error: EmbedderError | None = None
        self.refuses: str | None = None
        self.texts: list[str] = []
        self.closed = False

    @classmethod
    def from_settings(cls, ai: AiSettings) -> Self:
        return cls(ai.embedding_model or "fake-1")

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        self.texts += texts
        await asyncio.sleep(self.delay)
        if self.error is not None:
            raise self.error
        if self.refuses is not None and any(self.refuses in text for text in texts):
            raise EmbedderError
        return [self.vector(text) for text in texts]

    def vector(self, text: str) -> list[float]:
        numbers = [0.001] * self.width
        for term in terms(text):
            # Other words stand behind the concepts, each somewhere of its own.
            of_its_own = len(SYNONYMS) + zlib.crc32(term.encode()) % (self.width - len(SYNONYMS))
            numbers[CONCEPTS.get(term, of_its_own)] += 1.0
        return numbers

    async def close(self) -> None:
        self.closed = True
