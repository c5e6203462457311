"""Paragraphs of running text."""

from __future__ import annotations

import pytest

from videochat.transcripts.paragraphs import LENGTH, ParagraphBuilder, joined
from videochat.transcripts.segment import Segment


def paragraphs(*segments: Segment) -> list[tuple[float, str | None, str]]:
    builder = ParagraphBuilder()
    found = [builder.add(segment) for segment in segments] + [builder.rest()]
    return [(paragraph.start, paragraph.speaker, paragraph.text) for paragraph in found if paragraph]


def test_segments_without_a_pause_run_on() -> None:
    """Neighbours become one paragraph that begins with the first."""
    assert paragraphs(Segment(1, 2, "One."), Segment(2.5, 3, "Two.")) == [(1, None, "One. Two.")]


def test_a_pause_or_another_speaker_begins_a_paragraph() -> None:
    """Two seconds of silence, or somebody else, are where a writer would begin a new paragraph."""
    found = paragraphs(Segment(0, 1, "a"), Segment(3, 4, "b"), Segment(4, 5, "c", speaker="Ann"))
    assert found == [(0, None, "a"), (3, None, "b"), (4, "Ann", "c")]


def test_paragraphs_do_not_grow_for_ever() -> None:
    """Speech without pauses is still cut into paragraphs that can be read."""
    found = paragraphs(*(Segment(n, n + 1, "word " * 20) for n in range(20)))
    assert len(found) > 1
    assert all(len(text) <= LENGTH for _, _, text in found)


def test_nothing_gives_no_paragraph() -> None:
    """An empty transcript has no empty paragraph."""
    assert paragraphs() == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("潮汐", "上涨", "潮汐上涨"),
        ("tide", "rises", "tide rises"),
        ("달이", "바다를", "달이 바다를"),
        ("", "a", "a"),
        ("好", "ok", "好 ok"),
    ],
)
def test_words_are_joined_as_their_script_wants(before: str, after: str, expected: str) -> None:
    """Chinese has no spaces between sentences' parts, Korean and Latin scripts have."""
    assert joined(before, after) == expected
