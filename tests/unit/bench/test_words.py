"""Word error rates count what an alignment by hand counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.words import Errors, count_errors, words_of

SENTENCES = st.lists(st.sampled_from(["the", "tree", "makes", "sugar"]), max_size=8)


@pytest.mark.parametrize(
    ("heard", "errors"),
    [
        ("the tree makes sugar", Errors(4, 0, 0, 0)),
        ("the tree bakes sugar", Errors(4, 1, 0, 0)),
        ("the tree sugar", Errors(4, 0, 1, 0)),
        ("the big tree makes sugar", Errors(4, 0, 0, 1)),
        ("", Errors(4, 0, 4, 0)),
        ("well the tree bakes", Errors(4, 1, 1, 1)),
    ],
)
def test_each_kind_of_error_is_counted(heard: str, errors: Errors) -> None:
    """Substitutions, deletions and insertions are those of a cheapest alignment."""
    assert count_errors(words_of("The tree makes sugar."), words_of(heard)) == errors


def test_the_rate_is_the_share_of_what_was_said() -> None:
    """Errors are divided by the words that were said, so inventing words can cost more than everything."""
    assert Errors(8, 1, 0, 1).rate == 0.25
    assert count_errors(["yes"], ["no", "no", "no"]).rate == 3.0


def test_recordings_are_added_up() -> None:
    """The rate of several recordings is that of all their words together."""
    assert (Errors(10, 1, 2, 3) + Errors(90, 1, 1, 1)).rate == 0.09


@given(SENTENCES, SENTENCES)
def test_the_counts_explain_the_difference_in_length(said: list[str], heard: list[str]) -> None:
    """What was heard has the words that were said, less the deletions, plus the insertions; no error means equal."""
    errors = count_errors(said, heard)
    assert errors.words - errors.deletions + errors.insertions == len(heard)
    assert (errors.substitutions + errors.deletions + errors.insertions == 0) == (said == heard)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, WORLD!\n", ["hello", "world"]),
        ("It’s the leaf's well-known colour", ["it's", "the", "leaf's", "well", "known", "colour"]),
        ("'quoted' – (twice) … ", ["quoted", "twice"]),
        ("Straße 12 \ufb01x", ["strasse", "12", "fix"]),
        ("绿色, AI模型", ["绿", "色", "ai", "模", "型"]),
        ("?!", []),
    ],
)
def test_case_and_punctuation_do_not_count(text: str, words: list[str]) -> None:
    """Two spellings of the same words compare equal; Chinese counts by the character."""
    assert words_of(text) == words
