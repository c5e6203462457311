"""What is looked for and what a provider may read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fake_provider import FakeProvider
from library import spoken
from videochat.answers.chat import (
    HISTORY_CHARACTERS,
    HISTORY_TURNS,
    estimate_tokens,
    history_for_provider,
    respond,
    retrieval_query,
    within_budget,
)
from videochat.answers.provider import Request, Turn
from videochat.passages.passage import Passage
from videochat.passages.service import Found


def found(number: int, text: str) -> Found:
    passage = Passage(number, "m1", "t1", number, 0.0, 5.0, 0, 0, text)
    return Found(passage, "a.mp4", 1.0, tuple(spoken(text)))


@given(st.lists(st.integers(1, 2000), min_size=1, max_size=20), st.integers(500, 3000))
def test_the_budget_is_kept(lengths: list[int], tokens: int) -> None:
    """All sources together cost no more than the budget, unless there is only one."""
    sources = within_budget([found(n, "w" * length) for n, length in enumerate(lengths)], tokens)
    assert sources
    assert len(sources) == 1 or sum(estimate_tokens(source.layout.text) for source in sources) <= tokens
    assert [source.key for source in sources] == [f"p{n}" for n in range(1, len(sources) + 1)]


def test_a_passage_that_was_found_twice_is_read_once() -> None:
    """Found by its words and again for context, a passage costs once."""
    assert len(within_budget([found(1, "a"), found(2, "b"), found(1, "a")], 1000)) == 2


def test_tokens_of_chinese_are_not_underestimated() -> None:
    """A Chinese character counts as one token, four letters as one."""
    assert estimate_tokens("神经网络" * 10) >= 40
    assert estimate_tokens("word" * 10) <= 12


def test_a_short_question_leans_on_the_one_before() -> None:
    """A question that says little by itself is looked for together with its predecessor."""
    turns = [Turn("What is photosynthesis?", "…")]
    assert retrieval_query("And why?", turns) == "And why? What is photosynthesis?"
    assert retrieval_query("Which whales sing loudest?", turns) == "Which whales sing loudest?"
    assert retrieval_query("And why?", []) == "And why?"


def test_history_is_short_and_free_of_old_numbers() -> None:
    """Only the last turns are sent, cut, and without numbers that would mean other passages."""
    turns = [Turn(f"q{n}", "It is so. [1] " + "x" * 5000) for n in range(9)]
    history = history_for_provider(turns)
    assert [turn.question for turn in history] == [f"q{n}" for n in range(9 - HISTORY_TURNS, 9)]
    assert all(len(turn.answer) <= HISTORY_CHARACTERS and "[1]" not in turn.answer for turn in history)


async def test_without_sources_no_provider_is_asked() -> None:
    """Where nothing was found nothing can be cited, and no model gets the chance to invent."""
    provider = FakeProvider(["invented"])
    assert [part async for part in respond(provider, Request("Why?", []))] == [
        "No passage contains the words of this question."
    ]
    assert provider.requests == []
