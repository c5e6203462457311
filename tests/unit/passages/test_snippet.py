"""The best place in a passage and how it is marked."""

from __future__ import annotations

import re
import time

from hypothesis import given
from hypothesis import strategies as st

from library import spoken
from videochat.passages.analyse import terms
from videochat.passages.passage import lay_out
from videochat.passages.snippet import best_excerpt, clip, marked


def numbers(*texts: str, query: str) -> list[int]:
    weights = dict.fromkeys(terms(query), 1.0)
    return [segment.n for segment in best_excerpt(lay_out(spoken(*texts)), weights).segments]


def test_the_segment_with_most_of_the_query_is_taken() -> None:
    """The time that is shown is that of the best segment, not of the passage."""
    assert numbers("some light", "red light here", "nothing", query="red light") == [1]


def test_neighbours_are_taken_where_they_complete_the_query() -> None:
    """Words that stand in two neighbouring segments bring both."""
    assert numbers("nothing", "red", "light", "nothing", query="red light") == [1, 2]


def test_a_pair_across_two_segments_is_found() -> None:
    """A Chinese word that the engine cut in two brings both halves."""
    assert numbers("我们今天学", "习神经网络", query="学习") == [0, 1]


def test_the_first_segment_stands_for_a_passage_without_a_match() -> None:
    """Nothing to mark is no error."""
    assert numbers("one", "two", query="three") == [0]


@given(st.text(max_size=400), st.text(max_size=20))
def test_only_marks_are_markup(text: str, query: str) -> None:
    """Whatever was said and asked: without the marks nothing is left that a browser could take for a tag."""
    html = marked(text, dict.fromkeys(terms(query), 1.0))
    assert html.count("<mark>") == html.count("</mark>")
    assert "<" not in re.sub("</?mark>", "", html)
    assert ">" not in re.sub("</?mark>", "", html)


def test_hostile_text_is_escaped_around_the_marks() -> None:
    """A tag in a transcript is text; the words within are still marked."""
    assert marked("<b>fish & chips</b>", {"fish": 1.0}) == "&lt;b&gt;<mark>fish</mark> &amp; chips&lt;/b&gt;"


def test_overlapping_pairs_are_one_mark() -> None:
    """A Chinese word of four characters is marked once."""
    assert marked("讨论神经网络。", dict.fromkeys(terms("神经网络"), 1.0)) == "讨论<mark>神经网络</mark>。"


@given(st.integers(0, 900), st.integers(20, 300))
def test_a_long_text_is_cut_around_the_mark(place: int, limit: int) -> None:
    """Wherever the word stands, the clip is no longer than asked for and holds it."""
    words = ["filler"] * 1000
    words[place] = "needle"
    text = " ".join(words)
    start, end = clip(text, {"needle": 1.0}, limit)
    assert end - start <= limit
    assert "needle" in text[start:end]


def test_a_word_said_again_and_again_holds_nobody_up() -> None:
    """What an engine that runs in circles writes is cut in a moment, not in a time that grows with its square."""
    began = time.process_time()
    assert marked("no " * 20_000, {"no": 1.0}).count("<mark>") > 50
    assert time.process_time() - began < 5
