"""Answers without a language model: the passages that mention what the question is about, in their own words.

Passages come ranked by BM25; maximal marginal relevance (Carbonell, Goldstein 1998) keeps them from repeating each other.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from videochat.answers.chat import NOTHING_FOUND, language_of
from videochat.answers.provider import Piece, Request, Source
from videochat.passages.analyse import analyse, terms
from videochat.passages.passage import Layout
from videochat.passages.question import topic_terms
from videochat.passages.snippet import best_excerpt, clip
from videochat.settings import AiSettings

MAX_BULLETS = 5
RELEVANCE = 0.7  # against novelty
MAX_QUOTE = 400
# A passage is shown if it holds at least this share of what the best one holds of the question.
SHARE_OF_BEST = 0.5

INTRODUCTION = {"en": "Passages that mention {words}:", "zh": "这些段落提到{words}："}
NO_TOPIC = {
    "en": "No language model is configured, so only what was said can be found: ask with words that may occur in the recordings.",
    "zh": "没有配置语言模型，只能查找说过的话：请用录音中可能出现的词语提问。",
}
_BRACKETS = str.maketrans("[]", "()")


@dataclass(frozen=True, slots=True)
class _Match:
    """A source, the question's terms in it and what they weigh together."""

    source: Source
    layout: Layout
    terms: frozenset[str]
    weight: float


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
        matches = _diverse(_matches(request.sources, weights))
        if not matches:
            yield NOTHING_FOUND[language]
            return
        yield INTRODUCTION[language].format(words=_mentioned(request.question, matches, language))
        for match in matches:
            yield _bullet(match, weights)

    async def close(self) -> None:
        """Nothing is open."""


def _weights(wanted: Sequence[str], sources: Sequence[Source]) -> dict[str, float]:
    """Return how much each term says: one that few of the sources hold says more."""
    present = [set(terms(source.layout.text)) for source in sources]
    return {term: math.log(1 + (len(present) + 1) / (1 + sum(term in one for one in present))) for term in wanted}


def _matches(sources: Sequence[Source], weights: Mapping[str, float]) -> list[_Match]:
    found = []
    for source in sources:
        layout = source.layout
        shared = frozenset(terms(layout.text)) & weights.keys()
        if shared:
            found.append(_Match(source, layout, shared, sum(weights[term] for term in shared)))
    best = max((match.weight for match in found), default=0.0)
    found = [match for match in found if match.weight >= SHARE_OF_BEST * best]
    return sorted(found, key=lambda match: (-match.weight, -match.source.score))


def _diverse(matches: Sequence[_Match]) -> list[_Match]:
    """Choose the best match, then each time the one that is relevant and unlike those chosen before."""
    if not matches:
        return []
    words = {match.source.key: frozenset(terms(match.layout.text)) for match in matches}
    top = matches[0].weight
    chosen: list[_Match] = [matches[0]]
    rest = list(matches[1:])

    def value(match: _Match) -> float:
        mine = words[match.source.key]
        like = max(len(mine & words[c.source.key]) / len(mine | words[c.source.key]) for c in chosen)
        return RELEVANCE * match.weight / top - (1 - RELEVANCE) * like

    while rest and len(chosen) < MAX_BULLETS:
        best = max(rest, key=value)
        rest.remove(best)
        chosen.append(best)
    return chosen


def _mentioned(question: str, matches: Sequence[_Match], language: str) -> str:
    """Return the question's words that were found, as the question writes them."""
    found = frozenset[str]().union(*(match.terms for match in matches))
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
    excerpt = best_excerpt(match.layout, weights)
    text = match.layout.text[slice(*excerpt.span)]
    start, end = clip(text, weights, MAX_QUOTE)
    said = text[start:end].strip()
    shown = ("… " if start else "") + said + (" …" if end < len(text) else "")
    # What was said must not read like a marker, and its quotation marks must not end the quote.
    quote = said.replace('"', "'").translate(_BRACKETS)
    return f'\n\n- {shown.translate(_BRACKETS)} [{match.source.key}: "{quote}"]'
