"""What writes an answer: the port. Adapters live in providers/ and come in through the entry points `videochat.providers`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from videochat.passages.passage import Layout, lay_out
from videochat.plugins import chosen
from videochat.sections import AiSettings
from videochat.transcripts.segment import NumberedSegment

GROUP = "videochat.providers"


@dataclass(frozen=True, slots=True)
class Source:
    """A passage as a provider sees it. `key` (p1, p2, …) is how the provider cites it; a score of 0 means: for context.

    Times are seconds from the start of the medium.
    """

    key: str
    media_id: str
    name: str
    start: float
    end: float
    segments: tuple[NumberedSegment, ...]
    score: float = 0.0

    @property
    def layout(self) -> Layout:
        return lay_out(self.segments)


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier question of the conversation and its answer."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Request:
    """What a provider is to answer, from which sources (best first), after which turns (oldest first)."""

    question: str
    sources: Sequence[Source]
    history: Sequence[Turn] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer took: tokens, and US dollars (None: nobody knows what a token costs there)."""

    input_tokens: int
    output_tokens: int
    cost_usd: float | None = None

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    def as_json(self) -> dict[str, Any]:
        cost = {} if self.cost_usd is None else {"cost_usd": self.cost_usd}
        return {"input_tokens": self.input_tokens, "output_tokens": self.output_tokens, **cost}


Piece = str | Usage


class Writer(Protocol):
    """Writes answers.

    Text comes in pieces of any length. Right after a sentence stands what supports it: `[p3: "verbatim words"]` or `[p3]`.
    Closing the generator frees whatever works for it. Errors: ProviderError and below; a reply that was cut off, is empty
    or cannot be read is an error and never a short answer.
    """

    def answer(self, request: Request) -> AsyncGenerator[Piece, None]:
        """Write the answer, piece by piece; usage comes last, if it is known."""
        ...


class Provider(Writer, Protocol):
    """A writer of answers that is chosen by its name in the settings."""

    @property
    def name(self) -> str:
        """The name under which the entry point stands."""
        ...

    @property
    def model(self) -> str | None:
        """The language model that answers, None where there is none."""
        ...

    @classmethod
    def from_settings(cls, ai: AiSettings) -> Self:
        """Make a provider. Raises ConfigurationError when a setting is missing."""
        ...

    async def close(self) -> None:
        """Give back connections; the provider is not used again."""
        ...


def load_provider(name: str, ai: AiSettings) -> Provider:
    """Make the provider of this name. Raises ConfigurationError that lists the names there are, or says which is broken."""
    plugin = chosen(GROUP, name, "AI__PROVIDER")
    provider: type[Provider] = plugin.load()
    with plugin.blamed():
        return provider.from_settings(ai)
