"""The ranking function."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videochat.passages.bm25 import idf, score


def test_a_known_value() -> None:
    """One term once in a passage of mean length: idf × (k1+1)/(1+k1) = idf."""
    assert score(["a", "b"], {"a": 2.0}, 2.0) == pytest.approx(2.0)
    assert idf(1, 3) == pytest.approx(0.9808292530117262)  # ln(1 + 2.5/1.5)


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_rarer_terms_say_more_and_none_says_less_than_nothing(one: int, other: int) -> None:
    """Idf falls with the frequency and is never negative, also where the count is larger than the total."""
    low, high = sorted((one, other))
    assert idf(low, 500) >= idf(high, 500) >= 0


@given(st.integers(1, 20))
def test_repeating_a_word_helps_less_and_less(times: int) -> None:
    """Each further occurrence adds less, and the score stays below idf × (k1 + 1)."""
    scores = [score(["a"] * n + ["b"] * (40 - n), {"a": 1.0}, 40.0) for n in range(times + 2)]
    steps = [after - before for before, after in pairwise(scores)]
    assert steps == sorted(steps, reverse=True)
    assert scores[-1] < 2.2


def test_a_shorter_passage_with_the_word_is_better() -> None:
    """The same word says more where less else is said."""
    assert score(["a", "b"], {"a": 1.0}, 5.0) > score(["a", *"bcdefghi"], {"a": 1.0}, 5.0)
