"""Okapi BM25 (Robertson, Zaragoza: The Probabilistic Relevance Framework, 2009) over a few candidates."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

K1 = 1.2
B = 0.75


def idf(frequency: int, passages: int) -> float:
    """Return how much a term says that stands in `frequency` of `passages` passages; never negative."""
    frequency = min(frequency, passages)
    return math.log(1 + (passages - frequency + 0.5) / (frequency + 0.5))


def score(terms: Sequence[str], weights: Mapping[str, float], mean_length: float) -> float:
    """Return the BM25 score of a passage's terms for a query, whose terms' idf is `weights`."""
    counts = Counter(term for term in terms if term in weights)
    norm = K1 * (1 - B + B * len(terms) / mean_length) if mean_length else K1
    return sum(weights[term] * count * (K1 + 1) / (count + norm) for term, count in counts.items())
