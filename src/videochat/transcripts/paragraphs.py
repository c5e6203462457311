"""Segments gathered into paragraphs, as a person would write them down."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from videochat.transcripts.segment import Segment

PAUSE_SECONDS = 2.0
LENGTH = 600  # characters: about half a minute of speech


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Text of one speaker that belongs together, from `start` seconds on."""

    start: float
    end: float
    speaker: str | None
    text: str

    def takes(self, segment: Segment) -> bool:
        """Say whether the segment goes on with this paragraph."""
        return (
            segment.speaker == self.speaker
            and segment.start - self.end < PAUSE_SECONDS
            and len(self.text) + len(segment.text) <= LENGTH
        )


class ParagraphBuilder:
    """Takes segments in order and gives back each paragraph when the next one begins."""

    def __init__(self) -> None:
        self._open: Paragraph | None = None

    def add(self, segment: Segment) -> Paragraph | None:
        """Take a segment; return the paragraph that ended before it, if one did."""
        text = " ".join(segment.text.split())
        begun = self._open
        if begun is not None and begun.takes(segment):
            self._open = Paragraph(begun.start, segment.end, begun.speaker, joined(begun.text, text))
            return None
        self._open = Paragraph(segment.start, segment.end, segment.speaker, text)
        return begun

    def rest(self) -> Paragraph | None:
        """Return the last paragraph."""
        begun, self._open = self._open, None
        return begun


def joined(before: str, after: str) -> str:
    """Join two texts with a space, or without one between Chinese or Japanese characters."""
    wide = before and after and _is_wide(before[-1]) and _is_wide(after[0])
    return f"{before}{'' if wide else ' '}{after}".strip()


def _is_wide(character: str) -> bool:
    # Korean is as wide, but has spaces.
    return unicodedata.east_asian_width(character) in "WF" and "HANGUL" not in unicodedata.name(character, "")
