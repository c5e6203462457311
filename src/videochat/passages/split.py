"""Cutting segments into passages: where a sentence ends and a pause follows, near the target length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from videochat.passages.passage import lay_out
from videochat.transcripts.segment import NumberedSegment

TARGET_SECONDS = 45.0
# A passage ends between these shares of the target; a shorter rest is added to the passage before it.
SHORTEST, LONGEST = 0.6, 1.4
MAX_CHARACTERS = 4_000  # an engine that stammers must not make passages that no provider can read

_SENTENCE_ENDS = tuple(".?!。？！…")
_CLOSERS = "\"'”’»)]）」』》"


@dataclass(frozen=True, slots=True)
class Draft:
    """A passage before it is stored: some segments in a row, and their text."""

    segments: tuple[NumberedSegment, ...]
    text: str

    @property
    def start(self) -> float:
        return self.segments[0].start

    @property
    def end(self) -> float:
        return max(segment.end for segment in self.segments)


def split(segments: Sequence[NumberedSegment], target_seconds: float = TARGET_SECONDS) -> list[Draft]:
    """Return the passages of one window, in order; each segment stands in exactly one of them."""
    spoken = [segment for segment in segments if segment.text.strip()]
    cuts = [0]
    while cuts[-1] < len(spoken):
        cuts.append(_next_cut(spoken, cuts[-1], target_seconds))
    groups = [spoken[first:last] for first, last in pairwise(cuts)]
    return [Draft(tuple(group), lay_out(group).text) for group in groups]


def _next_cut(segments: Sequence[NumberedSegment], first: int, target: float) -> int:
    """Return the number of the segment that begins the next passage."""
    start = segments[first].start
    if segments[-1].end - start <= LONGEST * target and _characters(segments[first:]) <= MAX_CHARACTERS:
        return len(segments)
    best, best_value = first + 1, float("-inf")
    for cut in range(first + 1, len(segments) + 1):
        length = segments[cut - 1].end - start
        if cut > first + 1 and (length > LONGEST * target or _characters(segments[first:cut]) > MAX_CHARACTERS):
            break
        value = _value(segments, cut, length / target)
        if value >= best_value:
            best, best_value = cut, value
    return best


def _value(segments: Sequence[NumberedSegment], cut: int, share: float) -> float:
    """Say how good a place this is to cut: a sentence's end counts most, then a pause, then the target length."""
    if share < SHORTEST:
        return share - 10
    ends = segments[cut - 1].text.rstrip().rstrip(_CLOSERS).endswith(_SENTENCE_ENDS)
    pause = segments[cut].start - segments[cut - 1].end if cut < len(segments) else 1.0
    return (1.0 if ends else 0.0) + min(max(pause, 0.0), 1.0) - abs(1.0 - share)


def _characters(segments: Sequence[NumberedSegment]) -> int:
    return sum(len(segment.text) for segment in segments)
