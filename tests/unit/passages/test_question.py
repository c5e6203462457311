"""What of a question is looked for."""

from __future__ import annotations

import pytest

from videochat.passages.question import MAX_TERMS, content_terms, query_terms


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What does the speaker say about photosynthesis?", ["photosynthesis"]),
        ("Why doesn't it rain?", ["rain"]),
        ("什么是光合作用？", ["光合", "合作", "作用"]),
        ("这个视频讲了什么关于水的内容", ["水", "内容"]),
        ("who are you", ["who", "are", "you"]),
    ],
)
def test_question_words_are_not_looked_for(question: str, expected: list[str]) -> None:
    """Only what the question is about remains, and all of it where nothing else does."""
    assert content_terms(question) == expected


def test_a_query_has_a_bounded_number_of_different_terms() -> None:
    """Repeats count once and a pasted page does not become a thousand look-ups."""
    assert query_terms("a b a") == ["a", "b"]
    assert len(query_terms(" ".join(f"w{n}" for n in range(500)))) == MAX_TERMS
