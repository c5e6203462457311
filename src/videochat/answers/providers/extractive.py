"""Answers without a language model: the places that mention what the question is about, in their own words.

The places with most of the question's words come first, of those the ones that say them as the question does, then the
order of time. Of places that say the same thing one is shown; how many there are in all is said.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from videochat.answers.chat import NOTHING_FOUND, language_of
from videochat.answers.provider import Piece, Request, Source
from videochat.passages.analyse import analyse, terms
from videochat.passages.places import Place, places
from videochat.passages.question import topic_terms
from videochat.passages.snippet import clip
from videochat.sections import AiSettings

MAX_BULLETS = 6
MAX_QUOTE = 400
# A place is shown if it holds at least this share of what the best one holds of the question.
SHARE_OF_BEST = 0.5
# Places that share this much of their words (Jaccard's index) say the same thing.
SAME = 0.8

INTRODUCTION = {"en": "Passages that mention {words}{part}:", "zh": "这些段落提到{words}{part}："}
PART = {"en": " ({shown} of {all})", "zh": "（{all} 处中的 {shown} 处）"}
NO_TOPIC = {
    "en": "No language model is configured, so only what was said can be found: ask with words that may occur in the recordings.",
    "zh": "没有配置语言模型，只能查找说过的话：请用录音中可能出现的词语提问。",
}
_BRACKETS = str.maketrans("[]", "()")


@dataclass(frozen=True, slots=True)
class _Match:
    """A place in a source and the words that stand there."""

    source: Source
    place: Place
    words: frozenset[str]


class Extractive:
    """Shows what was said about the question's words; it claims nothing by itself."""

    name = "extractive"
    model: str | None = None

    @classmethod
    def from_settings(cls, ai: AiSettings) -> Self:  # noqa: ARG003  # nothing to set
        return cls()

    async def answer(self, request: Request) -> AsyncGenerator[Piece, None]:
        language = language_of(request.question)
        wanted = topic_terms(request.question)
        if not wanted:
            yield NO_TOPIC[language]
            return
        weights = _weights(wanted, request.sources)
        found = _matches(request.sources, weights, terms(request.question))
        shown = _different(found)[:MAX_BULLETS]
        if not shown:
            yield NOTHING_FOUND[language]
            return
        part = PART[language].format(shown=len(shown), all=len(found)) if len(shown) < len(found) else ""
        yield INTRODUCTION[language].format(words=_mentioned(request.question, shown, language), part=part)
        for match in shown:
            yield _bullet(match, weights)

    async def close(self) -> None:
        """Nothing is open."""


def _weights(wanted: Sequence[str], sources: Sequence[Source]) -> dict[str, float]:
    """Return how much each term says: one that few of the sources hold says more."""
    present = [set(terms(source.layout.text)) for source in sources]
    return {term: math.log(1 + (len(present) + 1) / (1 + sum(term in one for one in present))) for term in wanted}


def _matches(sources: Sequence[Source], weights: Mapping[str, float], phrase: Sequence[str]) -> list[_Match]:
    """Return the places with enough of the words, best first."""
    found: list[_Match] = []
    for source in sources:
        for place in places(source.layout, weights, phrase):
            words = frozenset(terms(source.layout.text[slice(*place.excerpt.span)]))
            if words & weights.keys():
                found.append(_Match(source, place, words))
    enough = SHARE_OF_BEST * max((match.place.weight for match in found), default=0.0)
    return sorted((match for match in found if match.place.weight >= enough), key=_order)


def _order(match: _Match) -> tuple[bool, float, str, float]:
    place, source = match.place, match.source
    return not place.exact, -round(place.weight, 6), source.media_id, place.excerpt.start


def _different(matches: Sequence[_Match]) -> list[_Match]:
    """Leave out what says the same as one before it."""
    chosen: list[_Match] = []
    for match in matches:
        if all(len(match.words & one.words) < SAME * len(match.words | one.words) for one in chosen):
            chosen.append(match)
    return chosen


def _mentioned(question: str, matches: Sequence[_Match], language: str) -> str:
    """Return the question's words that were found, as the question writes them."""
    found = frozenset[str]().union(*(match.words for match in matches)) & frozenset(topic_terms(question))
    spans: list[tuple[int, int]] = []
    for term in analyse(question):
        if term.text not in found:
            continue
        if spans and term.start < spans[-1][1]:  # pairs of characters overlap
            spans[-1] = (spans[-1][0], term.end)
        else:
            spans.append((term.start, term.end))
    words = list(dict.fromkeys(question[start:end].translate(_BRACKETS) for start, end in spans))
    return "、".join(f"“{word}”" for word in words) if language == "zh" else ", ".join(f"“{word}”" for word in words)


def _bullet(match: _Match, weights: Mapping[str, float]) -> str:
    text = match.source.layout.text[slice(*match.place.excerpt.span)]
    start, end = clip(text, weights, MAX_QUOTE)
    said = text[start:end].strip()
    shown = ("… " if start else "") + said + (" …" if end < len(text) else "")
    # What was said must not read like a marker, and its quotation marks must not end the quote.
    quote = said.replace('"', "'").translate(_BRACKETS)
    return f'\n\n- {shown.translate(_BRACKETS)} [{match.source.key}: "{quote}"]'
