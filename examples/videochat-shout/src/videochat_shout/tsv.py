"""Transcripts for spreadsheets: `videochat export talk.mp4 -f tsv`."""

from typing import ClassVar

from videochat.transcripts.formats import Header
from videochat.transcripts.segment import Segment


class Tsv:
    """One line a segment. An object of this class writes one file."""

    media_type: ClassVar[str] = "text/tab-separated-values"

    def __init__(self, header: Header) -> None:
        self._title = header.title  # also there: engine, language, and an honest note on where the words come from

    def opening(self) -> str:
        return f"start\tend\t{_cell(self._title)}\n"

    def segment(self, segment: Segment) -> str:
        return f"{segment.start:.3f}\t{segment.end:.3f}\t{_cell(segment.text)}\n"

    def closing(self) -> str:
        return ""


def _cell(text: str) -> str:
    return " ".join(text.split())  # a tab or a line break in the words would begin another cell
