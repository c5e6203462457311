"""Replies of engine children, which are not trusted."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videochat.errors import EngineUnavailableError, TranscriptionError, VideoChatError
from videochat.transcripts.replies import printable, raise_error, read_segment
from videochat.transcripts.segment import Segment, Word


def reply(segment: Segment) -> dict[str, object]:
    return {"segment": segment.to_json()}


def test_a_segment_is_read_as_it_was_written() -> None:
    """Ordinary words come through unchanged."""
    segment = Segment(0.0, 1.0, "the moon", (Word(0.0, 0.4, "the", 0.5), Word(0.5, 1.0, "moon", None)), confidence=0.7)
    assert read_segment(reply(segment)) == segment


@given(st.text())
def test_text_is_always_storable(text: str) -> None:
    """Whatever a model says, the text fits into one line, UTF-8 and PostgreSQL."""
    clean = printable(text)
    assert "\n" not in clean
    assert "\0" not in clean
    clean.encode()
    assert printable(clean) == clean


def test_lone_surrogates_and_controls_are_removed() -> None:
    """Bytes that break terminals or databases do not get in."""
    assert printable("a\x00b\x1b[31m\ud800c\u2028d") == "a b [31m c d"


@pytest.mark.parametrize(
    "segment",
    [Segment(0.0, 1.0, " \n\0 "), Segment(math.nan, 1.0, "hello"), Segment(0.0, math.inf, "hello")],
)
def test_what_cannot_be_shown_is_dropped(segment: Segment) -> None:
    """A segment without words or without a place in time is no segment."""
    assert read_segment(reply(segment)) is None


def test_broken_words_are_dropped_alone() -> None:
    """A word without a time or text goes; its segment stays."""
    words = (Word(0.0, math.nan, "the"), Word(0.0, 0.5, "\0"), Word(0.5, 1.0, "moon"))
    segment = read_segment(reply(Segment(0.0, 1.0, "the moon", words)))
    assert segment is not None
    assert [word.text for word in segment.words] == ["moon"]


def test_other_replies_are_no_segments_and_no_errors() -> None:
    """The language's reply passes both readers."""
    raise_error({"language": "en"})
    assert read_segment({"language": "en"}) is None


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("engine_unavailable", EngineUnavailableError),
        ("from_a_plugin", TranscriptionError),
        ("internal", VideoChatError),
    ],
)
def test_errors_become_ours(kind: str, expected: type[VideoChatError]) -> None:
    """The class is found by its code; one that nobody knows is a transcription error."""
    with pytest.raises(VideoChatError, match="no model") as caught:
        raise_error({"error": {"kind": kind, "code": "special", "message": "no model"}})
    assert (type(caught.value), caught.value.reason) == (expected, "special")
