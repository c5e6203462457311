"""From a provider's markers to citations with times that can be checked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from videochat.answers.markers import Marker, MarkerParser
from videochat.answers.provider import Source
from videochat.answers.quotes import Check, Quote, best_match, check_quote, says_enough

MAX_SENTENCE = 500

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")
_TRAILING_NUMBERS = re.compile(r"^(?:\s*\[\d+\])+")
_NUMBERS = re.compile(r"\s*\[\d+\]")


@dataclass(frozen=True, slots=True)
class Citation:
    """What supports the sentence before `[n]`: the transcript's own words, and the seconds at which they were said."""

    n: int
    media_id: str
    name: str
    start: float
    end: float
    quote: str
    segments: tuple[int, ...]
    check: Check

    def as_json(self) -> dict[str, Any]:
        """Return the citation as the API shows it."""
        place = {"n": self.n, "media_id": self.media_id, "name": self.name, "start": self.start, "end": self.end}
        return {**place, "quote": self.quote, "segments": list(self.segments), "check": self.check}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Citation:
        return cls(**{**value, "segments": tuple(value["segments"])})


class Citer:
    """Turns a provider's text with markers into text with `[1]`, `[2]`, … and the citations behind these numbers.

    A marker with an unknown key or a quote that is not in its source gives nothing: its sentence stays without a number.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = {source.key: source for source in sources}
        self._parser = MarkerParser()
        self._numbers: dict[tuple[str, float, str], int] = {}
        self._sentence = ""

    def feed(self, piece: str) -> Iterator[str | Citation]:
        """Yield what is ready; a citation comes right before the text that shows its number for the first time."""
        for part in self._parser.feed(piece):
            yield from self._resolve(part)

    def finish(self) -> Iterator[str | Citation]:
        """Yield what was held back."""
        for part in self._parser.finish():
            yield from self._resolve(part)

    def _resolve(self, part: str | Marker) -> Iterator[str | Citation]:
        if isinstance(part, str):
            self._sentence = (self._sentence + part)[-MAX_SENTENCE:]
            yield part
            return
        source = self._sources.get(part.key)
        quote = self._quote(part, source) if source else None
        if source is None or quote is None:
            return
        place = (source.media_id, quote.segments[0].start, quote.text)
        if place not in self._numbers:
            self._numbers[place] = len(self._numbers) + 1
            yield _citation(self._numbers[place], source, quote)
        yield f"[{self._numbers[place]}]"

    def _quote(self, marker: Marker, source: Source) -> Quote | None:
        if marker.quote and says_enough(marker.quote):
            return check_quote(marker.quote, source.layout)
        sentence = _last_sentence(self._sentence)
        return best_match(f"{sentence} {marker.quote or ''}", source.layout)


def _citation(n: int, source: Source, quote: Quote) -> Citation:
    start, end = source.layout.times(quote.start, quote.end)
    numbers = tuple(segment.n for segment in quote.segments)
    return Citation(n, source.media_id, source.name, start, end, quote.text, numbers, quote.check)


def sentences(text: str) -> list[str]:
    """Return the sentences of the text; numbers like [1] behind a full stop belong to the sentence before."""
    found: list[str] = []
    for part in _SENTENCE_END.split(text):
        numbers = _TRAILING_NUMBERS.match(part)
        if found and numbers:
            found[-1] += (" " if found[-1][-1].isascii() else "") + numbers.group().strip()
            part = part[numbers.end() :]  # noqa: PLW2901  # the rest is a sentence of its own
        if part.strip():
            found.append(part.strip())
    return found


def _last_sentence(text: str) -> str:
    found = sentences(text)
    return found[-1] if found else ""


def count_uncited(text: str) -> int:
    """Return how many sentences claim something and have no citation; headings that end in a colon claim nothing."""
    return sum(
        not _NUMBERS.search(sentence) and any(map(str.isalpha, sentence)) and not sentence.endswith((":", "："))
        for sentence in sentences(text)
    )


def without_numbers(text: str) -> str:
    """Return the text without its citation numbers, for the next question's history."""
    return _NUMBERS.sub("", text)
