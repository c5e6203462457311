"""Words, segments and their JSON."""

from __future__ import annotations

import json

from videochat.transcripts.segment import NumberedSegment, Segment, Word

SEGMENT = Segment(1.0, 2.5, "hello there", (Word(1.0, 1.5, "hello", 0.9), Word(1.6, 2.5, "there")), "Ann", 0.8)


def test_shifting_moves_the_segment_and_its_words() -> None:
    """A segment of a window becomes one of the media, words included; nothing else changes."""
    shifted = SEGMENT.shifted(30.0)
    assert (shifted.start, shifted.end, shifted.speaker) == (31.0, 32.5, "Ann")
    assert [(word.start, word.end) for word in shifted.words] == [(31.0, 31.5), (31.6, 32.5)]


def test_shifting_keeps_the_number() -> None:
    """A numbered segment stays one."""
    assert NumberedSegment.of(SEGMENT, 7).shifted(1.0).n == 7


def test_json_and_back_loses_nothing() -> None:
    """What was written to an artefact or a child's pipe is read as the same value."""
    assert Segment.from_json(json.loads(json.dumps(SEGMENT.to_json()))) == SEGMENT
    numbered = NumberedSegment.of(SEGMENT, 3)
    assert NumberedSegment.from_json(json.loads(json.dumps(numbered.to_json()))) == numbered


def test_json_has_words_only_where_there_are_any() -> None:
    """A segment without word times has no empty list that looks like a promise."""
    assert "words" not in Segment(0.0, 1.0, "hm").to_json()
