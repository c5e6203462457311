"""Every place in a passage where the query's words stand."""

from __future__ import annotations

from library import spoken
from videochat.passages.analyse import terms
from videochat.passages.passage import lay_out
from videochat.passages.places import places, says


def found(*texts: str, query: str, **weights: float) -> list[tuple[list[int], bool]]:
    known = dict.fromkeys(terms(query), 1.0) | weights
    given = places(lay_out(spoken(*texts)), known, terms(query))
    return [([segment.n for segment in place.excerpt.segments], place.exact) for place in given]


def test_every_line_with_the_word_is_a_place() -> None:
    """A word that was said three times in a passage is found three times, in order; one word is no phrase."""
    assert found("a tree", "nothing", "the tree", "tree tops", query="tree") == [
        ([0], False),
        ([2], False),
        ([3], False),
    ]


def test_words_in_two_lines_are_one_place_beside_a_line_with_both() -> None:
    """A phrase that runs over the end of a line is not hidden by a line that holds it whole."""
    texts = ("the green", "chemical catches light", "nothing", "the green chemical is broken down")
    assert found(*texts, query="green chemical") == [([0, 1], True), ([3], True)]


def test_the_order_of_the_words_makes_a_phrase() -> None:
    """The same words in another order are found, but they are not what was asked for word for word."""
    assert found("chemical and green", "green chemical", query="green chemical") == [([0], False), ([1], True)]


def test_a_common_word_need_not_stand_there() -> None:
    """Of "the tree" only the tree decides where the places are; no second line is added for the sake of "the"."""
    assert found("the", "tree", "the tree", query="the tree", the=0.01) == [([1], False), ([2], True)]


def test_where_not_all_words_stand_together_most_of_them_decide() -> None:
    """Words that are too far apart for one place: the places with the most of them are found."""
    texts = ("red light", "x", "y", "z", "energy")
    assert found(*texts, query="red light energy") == [([0], False)]


def test_a_chinese_phrase_is_its_characters_in_order() -> None:
    """Pairs of characters that follow each other are the phrase, also across a line that cuts it."""
    assert found("我们讨论神经", "网络的历史", "神经系统和网络", query="神经网络") == [([0, 1], True)]


def test_a_passage_without_the_words_gives_its_best_excerpt() -> None:
    """Nothing to find is no error."""
    assert found("one", "two", query="three") == [([0], False)]


def test_a_phrase_is_whole_words_in_a_row() -> None:
    """Parts of words do not count, and one word is no phrase."""
    assert says(["a", "green", "tree"], ["green", "tree"])
    assert not says(["evergreen", "tree"], ["green", "tree"])
    assert not says(["green"], ["green"])
