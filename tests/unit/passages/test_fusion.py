"""Reciprocal rank fusion: what both orders have near the top comes first."""

from __future__ import annotations

import pytest

from videochat.passages.fusion import K, fused, in_one_order, places_of


def test_a_score_is_the_sum_of_reciprocal_places() -> None:
    """As in the paper: 1 / (60 + place) for each order that has it, and nothing for one that has not."""
    assert fused(1) == 1 / (K + 1) == 1 / 61
    assert fused(2, 3) == pytest.approx(1 / 62 + 1 / 63)
    assert fused(None, 1) == fused(1)
    assert fused(None, None) == 0


def test_what_both_found_comes_before_what_is_first_in_one() -> None:
    """Third in both is better than first in one."""
    assert [*in_one_order("abc", "dec")] == ["c", "a", "d", "b", "e"]


def test_an_order_stays_as_it_is_beside_nothing() -> None:
    """Without neighbours the words' order is kept, and the other way round."""
    assert [*in_one_order("bac", "")] == [*in_one_order("", "bac")] == [*"bac"]


def test_the_first_place_counts() -> None:
    """What stands twice in an order has the better of its places."""
    assert places_of("aba") == {"a": 1, "b": 2}
