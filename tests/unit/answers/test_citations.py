"""From markers to numbered citations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from library import spoken
from videochat.answers.citations import Citation, Citer, count_uncited, sentences, without_numbers
from videochat.answers.provider import Source

SOURCES = (
    Source(
        "p1", "m1", "a.mp4", 0.0, 15.0, tuple(spoken("Plants are green.", "Red light is absorbed.", "Sugar is made."))
    ),
    Source("p2", "m2", "b.mp4", 0.0, 5.0, tuple(spoken("Whales sing for 20 minutes."))),
)


def cite(*pieces: str) -> tuple[str, list[Citation]]:
    citer = Citer(SOURCES)
    parts = [*(part for piece in pieces for part in citer.feed(piece)), *citer.finish()]
    return "".join(part for part in parts if isinstance(part, str)), [p for p in parts if isinstance(p, Citation)]


def test_markers_become_numbers_in_the_order_of_the_text() -> None:
    """Each supported sentence gets a number, with medium, seconds and segments behind it."""
    text, citations = cite('It is red. [p1: "red light is absorbed"] They sing. [p2: "whales sing for 20 minutes"]')
    assert text == "It is red. [1] They sing. [2]"
    assert [(c.n, c.media_id, c.start, c.end, c.segments, c.check) for c in citations] == [
        (1, "m1", 5.0, 10.0, (1,), "verified"),
        (2, "m2", 0.0, 5.0, (0,), "verified"),
    ]


def test_the_same_place_keeps_its_number() -> None:
    """A place that is cited twice is one citation."""
    text, citations = cite('A. [p1: "red light is absorbed"] B. [p1: "Red light is absorbed."]')
    assert text == "A. [1] B. [1]"
    assert len(citations) == 1


@pytest.mark.parametrize(
    "marker",
    [
        "[p9]",
        '[p9: "red light is absorbed"]',
        '[p2: "whales sing for 30 minutes"]',
        '[p1: "whales sing for 20 minutes"]',
    ],
)
def test_what_is_not_there_gets_no_number(marker: str) -> None:
    """An unknown passage, a changed number, a quote of another passage: the sentence stays without a number."""
    assert cite(f"They sing. {marker}") == ("They sing. ", [])


def test_a_marker_without_a_quote_gets_the_segment_like_its_sentence() -> None:
    """It is marked as approximate, because the provider claimed no words."""
    _, (citation,) = cite("Something else. The sugar is made there. [p1]")
    assert (citation.quote, citation.check, citation.start) == ("Sugar is made.", "approximate", 10.0)


def test_a_number_of_the_provider_is_not_ours() -> None:
    """[1] in the provider's text cannot be taken for a citation."""
    assert cite("It is so [1].") == ("It is so (1).", [])


@given(st.text(st.sampled_from('[]p12: "redlightisabsorbed.\n'), max_size=80))
def test_every_number_in_the_text_has_a_citation_that_was_said(text: str) -> None:
    """Whatever the provider writes, each [n] stands for words of the transcript."""
    shown, citations = cite(*text)
    said = [source.layout.text for source in SOURCES]
    assert all(any(citation.quote in one for one in said) for citation in citations)
    assert [citation.n for citation in citations] == list(range(1, len(citations) + 1))
    for number in range(1, 13):
        assert f"[{number}]" not in shown or number <= len(citations)


def test_citations_survive_json() -> None:
    """What is stored is read back equal."""
    _, (citation,) = cite("A. [p1]")
    assert Citation.from_json(citation.as_json()) == citation


def test_sentences_keep_the_numbers_behind_them() -> None:
    """Numbers after a full stop belong to the sentence before, in both languages."""
    assert sentences("It is so. [1][2] And so.\n- More") == ["It is so. [1][2]", "And so.", "- More"]
    assert sentences("是这样。[1]还有。") == ["是这样。[1]", "还有。"]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("It is so. [1] And so.", 1),
        ("It is so [1].", 0),
        ("Passages that say it:\n\n- It is so. [1]", 0),
        ("- \n\n", 0),
        ("一。二。[1]", 1),
    ],
)
def test_sentences_without_a_citation_are_counted(text: str, count: int) -> None:
    """Headings that end in a colon and empty bullets claim nothing."""
    assert count_uncited(text) == count


def test_history_is_free_of_numbers() -> None:
    """Old numbers would point to other passages in the next answer."""
    assert without_numbers("It is so. [1][2] And [3] so.") == "It is so. And so."
