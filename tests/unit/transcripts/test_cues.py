"""Subtitle cues: short enough to be read, at the words' times."""

from __future__ import annotations

import pytest
from hypothesis import given

from spoken import segments
from videochat.transcripts.cues import MAX_COLUMNS, MAX_LINES, MAX_SECONDS, columns, cues
from videochat.transcripts.segment import Segment, Word


def timed(*texts: str, seconds: float = 1.0, join: str = " ") -> Segment:
    """Return a segment of words that take `seconds` each."""
    words = tuple(Word(n * seconds, (n + 1) * seconds, text) for n, text in enumerate(texts))
    return Segment(0.0, len(texts) * seconds, join.join(texts), words)


def shown(segment: Segment) -> list[str]:
    return [" / ".join(cue.lines) for cue in cues(segment)]


@given(segments())
def test_every_cue_can_be_read(segment: Segment) -> None:
    """Whatever is said, cues have one or two lines of 42 columns, last at most 7 s, and end after they begin."""
    for cue in cues(segment):
        assert 1 <= len(cue.lines) <= MAX_LINES
        assert all(0 < columns(line) <= MAX_COLUMNS and line.strip() for line in cue.lines)
        assert 0 < cue.end - cue.start <= MAX_SECONDS * 1000


@given(segments())
def test_no_letter_is_lost_and_time_never_runs_back(segment: Segment) -> None:
    """The cues together hold the segment's text, in order."""
    found = list(cues(segment))
    assert "".join("".join(cue.lines) for cue in found).replace(" ", "") == segment.text.replace(" ", "")
    assert [cue.start for cue in found] == sorted(cue.start for cue in found)


def test_a_short_segment_is_one_cue() -> None:
    """Words that fit are not torn apart, and the cue has the words' times in milliseconds."""
    (cue,) = cues(timed("the", "tide", "rises"))
    assert (cue.start, cue.end, cue.lines) == (0, 3000, ("the tide rises",))


def test_a_long_segment_is_cut_at_word_times() -> None:
    """After seven seconds a new cue begins, exactly when its first word is spoken."""
    found = list(cues(timed(*["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])))
    assert [(cue.start, cue.end) for cue in found] == [(0, 7000), (7000, 9000)]
    assert found[1].lines == ("eight nine",)


def test_many_words_are_cut_at_two_lines() -> None:
    """Fast speech that does not fit into two lines goes on in the next cue."""
    found = shown(timed(*["extraordinary"] * 7, seconds=0.1))
    assert found == [" / ".join(["extraordinary extraordinary extraordinary"] * 2), "extraordinary"]


def test_wide_characters_take_two_columns() -> None:
    """Chinese lines hold 21 characters, without spaces between words, and words without times are spread evenly."""
    segment = Segment(0.0, 10.0, "月" * 50)
    lengths = [[len(line) for line in cue.lines] for cue in cues(segment)]
    assert all(length <= 21 for cue in lengths for length in cue)
    assert sum(map(sum, lengths)) == 50
    assert shown(timed("月亮", "拉动", "海水", join="")) == ["月亮拉动海水"]


def test_edited_text_is_shown_though_the_words_are_old() -> None:
    """When a person has corrected the text, the correction is what is shown, over the same time."""
    words = timed("the", "new", "pills").words
    (cue,) = cues(Segment(0.0, 3.0, "the moon pulls", words))
    assert (cue.lines, cue.start, cue.end) == (("the moon pulls",), 0, 3000)


@pytest.mark.parametrize(("start", "end"), [(1.0, 1.0), (2.0, 1.0), (-3.0, -1.0)])
def test_impossible_times_still_give_a_valid_cue(start: float, end: float) -> None:
    """An engine's nonsense does not become an invalid file."""
    (cue,) = cues(Segment(start, end, "hello"))
    assert 0 <= cue.start < cue.end
