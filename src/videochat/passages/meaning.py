"""What finds passages by their meaning: the port of the search. Without one the search goes by words alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from videochat.passages.embedder import Embedder


@dataclass(frozen=True, slots=True)
class Near:
    """A passage that means something similar: `score` is the cosine of the angle between the two."""

    passage: int
    transcript: str
    score: float


class Aim(Protocol):
    """What a query means, among the vectors that there were when it was asked."""

    @property
    def state(self) -> str:
        """A name of these vectors: the same in every process that has the same ones."""
        ...

    async def nearest(self, transcripts: Collection[str], limit: int) -> list[Near]:
        """Return up to so many passages of these transcripts alone, the nearest first."""
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """How many passages there are, and how many of them can be found by their meaning."""

    passages: int
    embedded: int


class Meaning(Protocol):
    """Knows what queries and passages mean; as long as it does not, nobody waits for it."""

    @property
    def embedder(self) -> Embedder:
        """Who is asked now."""
        ...

    @property
    def model(self) -> str:
        """The fingerprint of embedder and model, under which vectors are stored."""
        ...

    @property
    def state(self) -> str:
        """The name of the vectors that are known now; asking for it lets the newest ones be read."""
        ...

    @property
    def failing(self) -> bool:
        """Whether the embedder failed so often in a row that it is left alone."""
        ...

    async def aim(self, query: str) -> Aim | None:
        """Return what the query means, within a second; None when that cannot be said now."""
        ...

    def use(self, embedder: Embedder) -> None:
        """Ask this embedder from now on, of the same name and model with other settings."""
        ...

    async def close(self) -> None:
        """Stop reading, and close the embedder."""
        ...
