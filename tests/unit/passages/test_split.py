"""Cutting segments into passages."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from library import spoken
from videochat.passages.split import LONGEST, MAX_CHARACTERS, TARGET_SECONDS, split
from videochat.transcripts.segment import NumberedSegment


@st.composite
def windows(draw: st.DrawFn) -> list[NumberedSegment]:
    """Segments of one window: of any length, with and without pauses and full stops."""
    segments, at = [], 0.0
    for n in range(draw(st.integers(0, 40))):
        at += draw(st.floats(0, 3))
        length = draw(st.floats(0.1, 20))
        segments.append(
            NumberedSegment(at, at + length, draw(st.sampled_from(["so it", "it ends.", "完了。", "x" * 900])), n=n)
        )
        at += length
    return segments


@given(windows())
def test_every_segment_stands_in_one_passage_in_order(segments: list[NumberedSegment]) -> None:
    """Nothing is lost, repeated or moved."""
    assert [segment.n for draft in split(segments) for segment in draft.segments] == [s.n for s in segments]


@given(windows())
def test_passages_keep_their_limits(segments: list[NumberedSegment]) -> None:
    """No passage of several segments is much longer than the target or holds more text than a provider can read."""
    for draft in split(segments):
        if len(draft.segments) > 1:
            assert draft.end - draft.start <= LONGEST * TARGET_SECONDS + 1e-6
            assert sum(len(segment.text) for segment in draft.segments) <= MAX_CHARACTERS


@given(windows())
def test_cutting_is_deterministic(segments: list[NumberedSegment]) -> None:
    """The same segments always give the same passages."""
    assert split(segments) == split(list(segments))


def test_a_passage_ends_where_a_sentence_ends() -> None:
    """Near the target length the cut falls behind a full stop rather than into a sentence."""
    texts = ["and so on"] * 8 + ["here it ends."] + ["and so on"] * 15
    first, *_ = split(spoken(*texts))
    assert first.text.endswith("here it ends.")


def test_a_short_rest_is_no_passage_of_its_own() -> None:
    """A window a little longer than the target stays one passage."""
    assert len(split(spoken(*["word"] * 11))) == 1


def test_silence_gives_no_passage() -> None:
    """Segments without text are left out; a window of them gives nothing."""
    assert split(spoken(" ", "")) == []


def test_chinese_is_joined_without_spaces() -> None:
    """Texts of scripts without spaces are joined directly, others with one space."""
    (draft,) = split(spoken("我们今天", "讨论神经网络。", "然后 GPT", "4 of them"))
    assert draft.text == "我们今天讨论神经网络。然后 GPT 4 of them"
