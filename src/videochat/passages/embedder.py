"""What turns texts into vectors: the port. Adapters live in embedders/ and come in through the entry points `videochat.embedders`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol, Self

from videochat.errors import EmbedderError
from videochat.plugins import chosen
from videochat.sections import AiSettings

GROUP = "videochat.embedders"
UNREADABLE = "The embedder's reply could not be read; check that its address is an OpenAI-compatible one ending in /v1."
MOST_NUMBERS = 16_384  # of one vector
HARMLESS = "Hello."  # what every embedder takes


class Embedder(Protocol):
    """Turns texts into vectors: of texts that mean something similar they point into similar directions.

    A vector depends on the text and the model alone, so it is computed once. Errors: EmbedderUnavailableError for what may
    succeed later, EmbedderError for the rest, such as a text that the model does not take.
    """

    @property
    def name(self) -> str:
        """The name under which the entry point stands."""
        ...

    @property
    def model(self) -> str:
        """The model; vectors of different models are never compared."""
        ...

    @classmethod
    def from_settings(cls, ai: AiSettings) -> Self:
        """Make an embedder. Raises ConfigurationError when a setting is missing."""
        ...

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector for each text, in order: finite numbers, as many for each, not all zero."""
        ...

    async def close(self) -> None:
        """Give back connections; the embedder is not used again."""
        ...


async def vectors_of(embedder: Embedder, texts: Sequence[str]) -> list[list[float]]:
    """Ask the embedder and hold it to what it promises, whoever wrote it. Raises EmbedderError."""
    vectors = await embedder.embed(texts)
    if len(vectors) != len(texts) or len({len(vector) for vector in vectors}) > 1 or not all(map(_is_proper, vectors)):
        raise EmbedderError(UNREADABLE)
    return vectors


def _is_proper(vector: Sequence[float]) -> bool:
    return 0 < len(vector) <= MOST_NUMBERS and any(vector) and all(map(math.isfinite, vector))


def load_embedder(name: str, ai: AiSettings) -> Embedder:
    """Make the embedder of this name. Raises ConfigurationError that lists the names there are, or says which is broken."""
    plugin = chosen(GROUP, name, "AI__EMBEDDER")
    embedder: type[Embedder] = plugin.load()
    with plugin.blamed():
        return embedder.from_settings(ai)
