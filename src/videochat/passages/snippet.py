"""The place in a passage that fits a query best, and how it is shown."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from videochat.passages.analyse import Term, analyse
from videochat.passages.passage import Layout
from videochat.transcripts.segment import NumberedSegment

MAX_SEGMENTS = 3
MAX_CHARACTERS = 280
# Each further segment must bring enough: the time that is shown should stand near the words.
EXTRA_SEGMENT = 0.85

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Some segments in a row and their text, `layout.text[span]`."""

    segments: tuple[NumberedSegment, ...]
    span: Span

    @property
    def start(self) -> float:
        return self.segments[0].start

    @property
    def end(self) -> float:
        return max(segment.end for segment in self.segments)


def best_excerpt(layout: Layout, weights: Mapping[str, float]) -> Excerpt:
    """Return the one to three segments whose different terms weigh most; the first segment if none does."""
    found = [term for term in analyse(layout.text) if term.text in weights]
    count = len(layout.segments)
    runs = [(first, first + length) for length in range(1, MAX_SEGMENTS + 1) for first in range(count - length + 1)]
    first, last = max(runs, key=lambda run: (_weight(layout, run, found, weights), run[0] - run[1], -run[0]))
    return Excerpt(layout.segments[first:last], (layout.spans[first][0], layout.spans[last - 1][1]))


def _weight(layout: Layout, run: Span, found: list[Term], weights: Mapping[str, float]) -> float:
    start, end = layout.spans[run[0]][0], layout.spans[run[1] - 1][1]
    different = {term.text for term in found if start <= term.start and term.end <= end}
    return float(sum(weights[term] for term in different) * EXTRA_SEGMENT ** (run[1] - run[0] - 1))


def marked(text: str, weights: Mapping[str, float], *, limit: int = MAX_CHARACTERS) -> str:
    """Return the text as HTML: everything escaped, the query's terms within <mark>; longer texts are cut around them."""
    spans = _marks(text, weights)
    start, end = _clip(text, spans, limit)
    parts = ["…" if start else ""]
    position = start
    for first, last in spans:
        if first < start or last > end:
            continue
        parts += [escape(text[position:first], quote=False), "<mark>", escape(text[first:last], quote=False), "</mark>"]
        position = last
    return "".join([*parts, escape(text[position:end], quote=False), "…" if end < len(text) else ""])


def clip(text: str, weights: Mapping[str, float], limit: int) -> Span:
    """Return the part of at most `limit` characters that holds most of the terms, as text[start:end]."""
    return _clip(text, _marks(text, weights), limit)


def _marks(text: str, weights: Mapping[str, float]) -> list[Span]:
    if not weights:  # to analyse the text would find nothing, and takes a millisecond
        return []
    return _merged([(term.start, term.end) for term in analyse(text) if term.text in weights])


def _merged(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _clip(text: str, spans: list[Span], limit: int) -> Span:
    """Return the part of at most `limit` characters that holds most marks, begun and ended at a space if one is near."""
    if len(text) <= limit:
        return 0, len(text)
    firsts, lasts = [first for first, _ in spans], [last for _, last in spans]  # both rise, for no span touches another

    def inside(begin: int) -> int:
        return bisect_right(lasts, begin + limit) - bisect_left(firsts, begin)

    starts = [max(0, min(start - limit // 4, len(text) - limit)) for start in firsts] or [0]
    start = max(starts, key=inside)
    end = min(len(text), start + limit)
    if start and (space := text.find(" ", start, start + 20)) >= 0:
        start = space + 1
    if end < len(text) and (space := text.rfind(" ", end - 20, end)) >= 0:
        end = space
    return start, end
