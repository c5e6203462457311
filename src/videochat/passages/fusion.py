"""Two orders become one: reciprocal rank fusion (Cormack, Clarke, Büttcher: Reciprocal rank fusion outperforms Condorcet …, 2009)."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

K = 60  # theirs: what stands first in one order alone comes behind what both have near the top

T = TypeVar("T", bound=Hashable)


def places_of(order: Sequence[T]) -> dict[T, int]:
    """Return where each stands, from 1 on."""
    return {one: place for place, one in reversed([*enumerate(order, 1)])}


def fused(*found_at: int | None) -> float:
    """Return the score of what stands at these places, one for each order; None where an order lacks it."""
    return sum(1 / (K + place) for place in found_at if place is not None)


def in_one_order(words: Sequence[T], meaning: Sequence[T]) -> Mapping[T, float]:
    """Return everything with its score, best first; of equals what the words found comes first."""
    by_words, by_meaning = places_of(words), places_of(meaning)
    scores = {one: fused(by_words.get(one), by_meaning.get(one)) for one in [*words, *meaning]}
    return dict(sorted(scores.items(), key=lambda one: -one[1]))
