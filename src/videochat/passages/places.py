"""Every place in a passage where the words of a query stand close together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from videochat.passages.analyse import Term, analyse
from videochat.passages.passage import Layout
from videochat.passages.snippet import Excerpt, best_excerpt

MAX_SEGMENTS = 3  # of one place: words that are further apart were not said together
# A word that says less than this share of the rarest one need not stand at the place: "the tree" is about the tree.
SIGNIFICANT = 0.2


@dataclass(frozen=True, slots=True)
class Place:
    """Some segments in a row; `exact` when the query's words follow each other there as they do in the query.

    `weight` is that of the query's different words that stand there.
    """

    excerpt: Excerpt
    exact: bool
    weight: float


def places(layout: Layout, weights: Mapping[str, float], phrase: Sequence[str]) -> list[Place]:
    """Return the shortest runs of up to three segments with as many of the words as any run has, in order, apart.

    `phrase` are the query's terms as they follow each other. Without any of them the passage's best excerpt stands alone.
    """
    found = [term for term in analyse(layout.text) if term.text in weights]
    enough = SIGNIFICANT * max((weights[term.text] for term in found), default=0.0)
    wanted = {term.text for term in found if weights[term.text] >= enough}
    runs = _runs(layout, found, wanted)
    excerpts = [Excerpt(layout.segments[a:b], (layout.spans[a][0], layout.spans[b - 1][1])) for a, b in runs]
    return [_place(layout, excerpt, weights, phrase) for excerpt in excerpts or [best_excerpt(layout, weights)]]


def says(terms: Sequence[str], phrase: Sequence[str]) -> bool:
    """Say whether the terms of the phrase follow each other in these; a single term is no phrase."""
    return len(phrase) > 1 and f" {' '.join(phrase)} " in f" {' '.join(terms)} "


def _runs(layout: Layout, found: Sequence[Term], wanted: set[str]) -> list[tuple[int, int]]:
    for most in range(len(wanted), 0, -1):
        taken: list[tuple[int, int]] = []
        for run in _all_runs(len(layout.segments)):
            apart = all(run[1] <= first or last <= run[0] for first, last in taken)
            if apart and len(_inside(layout, run, found) & wanted) >= most:
                taken.append(run)
        if taken:
            return sorted(taken)
    return []


def _all_runs(count: int) -> Iterator[tuple[int, int]]:
    """Yield the runs of so many segments, the shortest first."""
    for length in range(1, min(MAX_SEGMENTS, count) + 1):
        for first in range(count - length + 1):
            yield first, first + length


def _inside(layout: Layout, run: tuple[int, int], found: Sequence[Term]) -> set[str]:
    start, end = layout.spans[run[0]][0], layout.spans[run[1] - 1][1]
    return {term.text for term in found if start <= term.start and term.end <= end}


def _place(layout: Layout, excerpt: Excerpt, weights: Mapping[str, float], phrase: Sequence[str]) -> Place:
    said = [term.text for term in analyse(layout.text[slice(*excerpt.span)])]
    weight = sum(weights[term] for term in set(said) & weights.keys())
    return Place(excerpt, says(said, phrase), weight)
