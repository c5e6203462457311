"""Segments cut into subtitle cues that can be read in the time that they are shown.

Limits: 7 seconds and two lines of 42 columns, as the BBC's and Netflix's subtitle guides have it; a wide (Chinese,
Japanese, Korean) character takes two columns.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace

from videochat.transcripts.segment import Segment

MAX_SECONDS = 7.0
MAX_LINES = 2
MAX_COLUMNS = 42


@dataclass(frozen=True, slots=True)
class Cue:
    """What is shown from `start` to `end` (milliseconds, start < end) in at most two lines."""

    start: int
    end: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Piece:
    """A word with the space before it, if there is one, and when it is spoken (seconds)."""

    text: str
    start: float
    end: float


def cues(segment: Segment) -> Iterator[Cue]:
    """Yield the segment's cues, cut between words, at the words' times where these are known."""
    held: list[_Piece] = []
    for piece in _pieces(segment):
        if held and not _fits([*held, piece]):
            yield _cue(held)
            held = []
        held.append(piece)
    if held:
        yield _cue(held)


def columns(text: str) -> int:
    """Return how wide the text is on a screen, in columns of a Latin letter."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _fits(pieces: list[_Piece]) -> bool:
    return pieces[-1].end - pieces[0].start <= MAX_SECONDS and len(_lines(pieces)) <= MAX_LINES


def _cue(pieces: list[_Piece]) -> Cue:
    start = max(0, round(pieces[0].start * 1000))
    end = min(round(pieces[-1].end * 1000), start + round(MAX_SECONDS * 1000))
    return Cue(start, max(end, start + 1), tuple(_lines(pieces)))


def _lines(pieces: list[_Piece]) -> list[str]:
    lines = [""]
    for piece in pieces:
        if lines[-1] and columns(lines[-1] + piece.text) > MAX_COLUMNS:
            lines.append("")
        lines[-1] += piece.text if lines[-1] else piece.text.lstrip()
    return lines


def _pieces(segment: Segment) -> Iterator[_Piece]:
    text = " ".join(segment.text.split())
    for piece in _spoken(replace(segment, text=text)) or _spread(text, segment.start, segment.end):
        if columns(piece.text) > MAX_COLUMNS:
            yield from _halves(piece)
        else:
            yield piece


def _spoken(segment: Segment) -> list[_Piece]:
    """Return the words with their own times; nothing when they are not (or no longer) the words of the text."""
    pieces, position = [], 0
    for word in segment.words:
        found = segment.text.find(word.text, position)
        if found < 0 or segment.text[position:found].strip():
            return []
        end = found + len(word.text)
        pieces.append(_Piece(segment.text[position:end], word.start, word.end))
        position = end
    return [] if segment.text[position:].strip() else pieces


def _spread(text: str, start: float, end: float) -> list[_Piece]:
    """Return the words with times in proportion to their place in the text."""
    pieces, position = [], 0
    for word in text.split(" "):
        stop = position + len(word) + (position > 0)
        pieces.append(_slice(text, position, stop, start, end))
        position = stop
    return [piece for piece in pieces if piece.text.strip()]


def _halves(piece: _Piece) -> Iterator[_Piece]:
    """Cut a word that fills more than a line, as any sentence without spaces does."""
    middle = len(piece.text) // 2
    for first, last in ((0, middle), (middle, len(piece.text))):
        half = _slice(piece.text, first, last, piece.start, piece.end)
        if columns(half.text) > MAX_COLUMNS:
            yield from _halves(half)
        else:
            yield half


def _slice(text: str, first: int, last: int, start: float, end: float) -> _Piece:
    per_character = (end - start) / max(1, len(text))
    return _Piece(text[first:last], start + first * per_character, start + last * per_character)
