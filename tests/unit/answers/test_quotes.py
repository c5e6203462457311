"""Quotes: nothing that was not said is ever verified."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from library import spoken
from videochat.answers.quotes import best_match, check_quote, says_enough
from videochat.passages.passage import Layout, lay_out

SAID = [
    "apple",
    "river",
    "stone",
    "window",
    "garden",
    "silver",
    "market",
    "yellow",
    "thunder",
    "candle",
    "bridge",
    "forest",
]
UNSAID = ["zebra", "quantum", "piano", "violet", "oxygen", "dragon"]
SENTENCES = st.lists(st.sampled_from(SAID), min_size=8, max_size=24)


def talk(words: list[str]) -> Layout:
    """Return the words as a talk of four words in each segment."""
    return lay_out(spoken(*(" ".join(words[i : i + 4]) for i in range(0, len(words), 4))))


@st.composite
def quoted(draw: st.DrawFn) -> tuple[list[str], int, int]:
    """A talk, and from where to where it is quoted."""
    words = draw(SENTENCES)
    start = draw(st.integers(0, len(words) - 4))
    return words, start, draw(st.integers(start + 4, len(words)))


@given(quoted())
def test_what_was_said_is_verified_in_its_own_words(case: tuple[list[str], int, int]) -> None:
    """A verbatim quote in other case and punctuation is verified and shown as it stands in the talk."""
    words, start, end = case
    source = talk(words)
    quote = check_quote("“" + ", ".join(words[start:end]).title() + "!”", source)
    assert quote is not None
    assert quote.check == "verified"
    assert quote.text.split() == words[start:end]
    assert quote.text == source.text[quote.start : quote.end]


@given(quoted(), st.integers(0, 30), st.sampled_from(UNSAID))
def test_a_changed_word_is_never_verified(case: tuple[list[str], int, int], place: int, other: str) -> None:
    """One word in place of another, and what is shown is still only what was said."""
    words, start, end = case
    claimed = words[start:end]
    claimed[place % len(claimed)] = other
    source = talk(words)
    quote = check_quote(" ".join(claimed), source)
    assert quote is None or (quote.check == "approximate" and quote.text in source.text)


@given(quoted(), st.integers(0, 30), st.integers(0, 99), st.integers(0, 99))
def test_a_changed_number_is_no_quote(case: tuple[list[str], int, int], place: int, said: int, claimed: int) -> None:
    """Whatever else agrees, another number is rejected outright."""
    assume(said != claimed)
    words, start, end = case
    at = start + place % (end - start)
    source = talk([*words[:at], str(said), *words[at:]])
    assert check_quote(" ".join([*words[start:at], str(claimed), *words[at:end]]), source) is None


@given(quoted(), st.integers(0, 30), st.sampled_from(["not", "never", "no", "isn't"]))
def test_an_added_or_dropped_negation_is_no_quote(case: tuple[list[str], int, int], place: int, negation: str) -> None:
    """Neither a quote that negates what was said nor one that leaves the negation out passes."""
    words, start, end = case
    at = start + 1 + place % (end - start - 1)
    negated = [*words[:at], negation, *words[at:]]
    assert check_quote(" ".join([*words[start:at], negation, *words[at:end]]), talk(words)) is None
    dropped = check_quote(" ".join(words[start:end]), talk(negated))
    assert dropped is None or negation not in dropped.text.split()


@given(SENTENCES, st.lists(st.sampled_from(UNSAID), min_size=4, max_size=10))
def test_another_talk_is_no_quote(words: list[str], other: list[str]) -> None:
    """Words of another talk are never verified."""
    quote = check_quote(" ".join(other), talk(words))
    assert quote is None or quote.check == "approximate"


ENGLISH = lay_out(
    spoken(
        "The model, um, improves accuracy by 12 percent.",
        "It doesn't need any extra data at all.",
        "Call nine nine one.",
    )
)
CHINESE = lay_out(spoken("神经网络不需要更多数据。", "准确率提高了百分之十二。"))


@pytest.mark.parametrize(
    ("source", "claimed", "expected", "segments"),
    [
        (ENGLISH, "the model improves accuracy", ("The model, um, improves accuracy", "verified"), [0]),
        (ENGLISH, "by 12 percent it doesn’t need", ("by 12 percent. It doesn't need", "verified"), [0, 1]),
        (ENGLISH, "improves accuracy … doesn't need any extra data", ("doesn't need any extra data", "verified"), [1]),
        (ENGLISH, "It doesn't need any additional data", ("It doesn't need any extra data", "approximate"), [1]),
        (ENGLISH, "improves accuracy by twelve percent", ("improves accuracy by 12 percent", "approximate"), [0]),
        (ENGLISH, "improves accuracy by 21 percent", None, []),
        (ENGLISH, "It does need any extra data at all", None, []),
        (ENGLISH, "call nine one", None, []),
        (ENGLISH, "whales sing in the deep sea", None, []),
        (ENGLISH, "!!!", None, []),
        (CHINESE, "神经网络不需要", ("神经网络不需要", "verified"), [0]),
        (CHINESE, "神经网络需要更多数据", None, []),
        (CHINESE, "提高了百分之二十", None, []),
    ],
)
def test_checks(source: Layout, claimed: str, expected: tuple[str, str] | None, segments: list[int]) -> None:
    """Hesitation may be left out; other words are approximate; numbers and negations must agree."""
    quote = check_quote(claimed, source)
    assert (quote and (quote.text, quote.check)) == expected
    assert [segment.n for segment in quote.segments] == segments if quote else not segments


def test_a_quote_longer_than_its_source_is_none() -> None:
    """A source inside a longer claimed quote does not make the quote true."""
    assert (
        check_quote("short words and then a very long story that nobody told", lay_out(spoken("short words"))) is None
    )


def test_without_a_quote_the_most_similar_segment_stands() -> None:
    """It is a segment's own text and approximate, because nobody claimed it."""
    quote = best_match("No additional data is needed.", ENGLISH)
    assert (quote.text, quote.check) == ("It doesn't need any extra data at all.", "approximate")


def test_a_few_letters_prove_nothing() -> None:
    """A quote must be long enough to mean something; in Chinese three characters are."""
    assert not says_enough("the")
    assert not says_enough("“了”")
    assert says_enough("神经网络")
    assert says_enough("red light")
