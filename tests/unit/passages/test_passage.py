"""Layouts: where each segment stands in a passage's text, and when its words were said."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from library import spoken
from videochat.passages.passage import lay_out
from videochat.transcripts.segment import NumberedSegment, Word


@given(st.lists(st.text(st.sampled_from("ab 我。\n"), max_size=8), max_size=6))
def test_each_segment_stands_where_the_layout_says(texts: list[str]) -> None:
    """The text at a segment's span is the segment's text, spaces made even."""
    layout = lay_out(spoken(*texts))
    assert [layout.text[start:end] for start, end in layout.spans] == [" ".join(text.split()) for text in texts]


def test_times_are_those_of_the_words() -> None:
    """Where words have times, a part of a segment begins and ends with its words."""
    words = tuple(Word(float(i), i + 0.5, f" {text}") for i, text in enumerate(["one", "two", "three", "four"]))
    layout = lay_out(
        [NumberedSegment(0.0, 10.0, "one two, three four", words, n=0), *spoken("five", first=1, seconds=10)]
    )
    at = layout.text.index("two")
    assert layout.times(at, at + len("two, three")) == (1.0, 2.5)
    assert layout.times(at, len(layout.text)) == (1.0, 20.0)


def test_times_are_those_of_the_segment_where_words_do_not_fit() -> None:
    """Words that do not make up the text (edited since) are not trusted."""
    segment = NumberedSegment(3.0, 9.0, "edited text", (Word(4.0, 5.0, "other"),), n=0)
    assert lay_out([segment]).times(0, 6) == (3.0, 9.0)


def test_touched_segments_are_those_that_share_a_character() -> None:
    """A range that ends at a boundary does not touch what begins there."""
    layout = lay_out(spoken("one", "two", "three"))
    assert [segment.n for segment in layout.touched(0, 4)] == [0]
    assert [segment.n for segment in layout.touched(2, 5)] == [0, 1]
