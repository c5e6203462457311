"""A passage: about three quarters of a minute of transcript, the unit that is found, read and cited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from videochat.passages.scripts import is_unspaced
from videochat.transcripts.segment import NumberedSegment, Word


@dataclass(frozen=True, slots=True)
class Passage:
    """Segments `first_segment` to `last_segment` (both inside) of a transcript, as one text.

    Times are seconds from the start of the media; `n` counts from 0 in each transcript, `id` is unique in the database.
    """

    id: int
    media_id: str
    transcript_id: str
    n: int
    start: float
    end: float
    first_segment: int
    last_segment: int
    text: str


@dataclass(frozen=True, slots=True)
class Layout:
    """The text of some segments and where each of them stands in it: `spans[i]` belongs to `segments[i]`."""

    text: str
    segments: tuple[NumberedSegment, ...]
    spans: tuple[tuple[int, int], ...]

    def touched(self, start: int, end: int) -> tuple[NumberedSegment, ...]:
        """Return the segments that share at least one character with text[start:end]."""
        pairs = zip(self.segments, self.spans, strict=True)
        return tuple(segment for segment, (first, last) in pairs if first < end and start < last)

    def times(self, start: int, end: int) -> tuple[float, float]:
        """Return from which to which second text[start:end] was said, by its words' times where they are known."""
        pairs = zip(self.segments, self.spans, strict=True)
        touched = [(segment, span) for segment, span in pairs if span[0] < end and start < span[1]]
        (first, (first_at, _)), (last, (last_at, _)) = touched[0], touched[-1]
        begun = [word.start for word, (_, to) in _word_spans(first) if first_at + to > start]
        ended = [word.end for word, (at, _) in _word_spans(last) if last_at + at < end]
        return (begun[0] if begun else first.start, ended[-1] if ended else last.end)


def _word_spans(segment: NumberedSegment) -> list[tuple[Word, tuple[int, int]]]:
    """Return the segment's words with their places in its text; none if the words do not make up the text."""
    text = " ".join(segment.text.split())
    found: list[tuple[Word, tuple[int, int]]] = []
    position = 0
    for word in segment.words:
        said = word.text.strip()
        at = text.find(said, position)
        if at < 0:
            return []
        position = at + len(said)
        found.append((word, (at, position)))
    return found


def lay_out(segments: Sequence[NumberedSegment]) -> Layout:
    """Join the segments' texts to one text: with spaces, but none between characters of scripts that use none."""
    texts = [" ".join(segment.text.split()) for segment in segments]
    gaps = ["" if _close(left, right) else " " for left, right in pairwise([*texts, ""])]
    spans: list[tuple[int, int]] = []
    position = 0
    for text, gap in zip(texts, gaps, strict=True):
        spans.append((position, position + len(text)))
        position += len(text) + len(gap)
    joined = "".join(text + gap for text, gap in zip(texts, gaps, strict=True))
    return Layout(joined, tuple(segments), tuple(spans))


def _close(left: str, right: str) -> bool:
    if not left or not right:
        return True
    return is_unspaced(right[0]) and (is_unspaced(left[-1]) or left[-1] in "，。！？；：、”’）》")
