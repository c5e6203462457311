"""Numbers and negations, spelled or not."""

from __future__ import annotations

import pytest

from videochat.answers.numbers import negations, numbers, numbers_kept
from videochat.answers.words import words_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("25 of 1,000", [25, 1000]),
        ("twenty five", [25]),
        ("two hundred and twelve thousand", [212_000]),
        ("five thousand two hundred", [5200]),
        ("one two three", [1, 2, 3]),
        ("nineteen eighty four", [19, 84]),
        ("the second half", [2]),
        ("a million and more", [1_000_000]),
        ("三百二十五", [325]),
        ("两万五千", [25_000]),
        ("十二", [12]),
        ("no number", []),
    ],
)
def test_numbers_are_read_in_words_and_digits(text: str, expected: list[int]) -> None:
    """English and Chinese numbers have the value that a reader gives them."""
    assert numbers(words_of(text).words) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is not so", 1),
        ("it isn’t, no, never", 3),
        ("we can't", 1),
        ("cannot", 1),
        ("it is so", 0),
        ("不是没有", 2),
        ("knot", 0),
    ],
)
def test_negations_are_counted(text: str, expected: int) -> None:
    """Words, contractions and characters that negate count, words that look alike do not."""
    assert negations(words_of(text).words) == expected


@pytest.mark.parametrize(
    ("quote", "source", "kept"),
    [
        ("3 of 5", "about 3 or 4 of 5", True),
        ("5 of 3", "3 of 5", False),
        ("5 and 5", "3 and 5", False),
        ("three", "3", True),
    ],
)
def test_numbers_must_stand_in_the_source_in_order(quote: str, source: str, kept: bool) -> None:
    """A swapped, doubled or changed number is noticed; spelling is not."""
    assert numbers_kept(quote.split(), source.split()) is kept
