"""Transcripts as files: subtitles for players, text for people, JSON for programs. All are written as a stream."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import ClassVar, Protocol

from videochat.transcripts.choose import BASIC_LABEL
from videochat.transcripts.cues import cues
from videochat.transcripts.paragraphs import Paragraph, ParagraphBuilder
from videochat.transcripts.segment import Segment, Transcript


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says about its transcript beside the segments."""

    title: str
    engine: str
    model: str
    language: str | None
    basic: bool
    ends_at: float | None = None  # seconds, where the transcript stops before the recording does
    media_id: str | None = None

    @classmethod
    def of(cls, transcript: Transcript, title: str) -> Header:
        t = transcript
        ends_at = None if t.status == "complete" else t.transcribed
        return cls(title, t.engine, t.model, t.language, t.basic, ends_at, t.media_id)

    @property
    def note(self) -> str:
        """Say honestly where the words come from and whether these are all."""
        rest = "" if self.ends_at is None else f" Incomplete: it ends at {timestamp(self.ends_at)}."
        if self.basic:
            return f"Transcribed by the {BASIC_LABEL} ({self.engine}): expect wrong words and no punctuation.{rest}"
        return f"Transcribed by {self.engine} ({self.model}).{rest}"


class Renderer(Protocol):
    """Writes one file, a segment at a time, so that nobody holds all of it. Pieces may be empty."""

    def opening(self) -> str: ...

    def segment(self, segment: Segment) -> str: ...

    def closing(self) -> str: ...


def render(renderer: Renderer, segments: Iterable[Segment]) -> Iterator[str]:
    """Yield the file in pieces."""
    yield renderer.opening()
    for segment in segments:
        yield renderer.segment(segment)
    yield renderer.closing()


async def render_stream(renderer: Renderer, segments: AsyncIterable[Segment]) -> AsyncIterator[str]:
    """Yield the file in pieces while the segments are being read."""
    yield renderer.opening()
    async for segment in segments:
        yield renderer.segment(segment)
    yield renderer.closing()


def timestamp(seconds: float) -> str:
    """Return the full second as h:mm:ss."""
    whole = max(0, int(seconds))
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def _clock(milliseconds: int, point: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{point}{rest:03d}"


class Srt:
    """SubRip. It has no way to quote, so an arrow in the text becomes another one."""

    media_type: ClassVar[str] = "application/x-subrip"

    def __init__(self, _header: Header) -> None:
        self._count = 0

    def opening(self) -> str:
        return ""

    def segment(self, segment: Segment) -> str:
        return "".join(
            f"{self._next()}\n{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}\n{self._text(cue.lines)}\n\n"
            for cue in cues(segment)
        )

    def closing(self) -> str:
        return ""

    def _next(self) -> int:
        self._count += 1
        return self._count

    @staticmethod
    def _text(lines: Iterable[str]) -> str:
        return "\n".join(lines).replace("-->", "→")


class Vtt:
    """WebVTT (https://www.w3.org/TR/webvtt1/)."""

    media_type: ClassVar[str] = "text/vtt"

    def __init__(self, header: Header) -> None:
        self._header = header

    def opening(self) -> str:
        return f"WEBVTT\n\nNOTE {self._text([self._header.note])}\n\n"

    def segment(self, segment: Segment) -> str:
        return "".join(
            f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n{self._text(cue.lines)}\n\n" for cue in cues(segment)
        )

    def closing(self) -> str:
        return ""

    @staticmethod
    def _text(lines: Iterable[str]) -> str:
        return "\n".join(lines).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class Text:
    """Plain text: paragraphs with an empty line between them."""

    media_type: ClassVar[str] = "text/plain"

    def __init__(self, header: Header) -> None:
        self._header = header
        self._paragraphs = ParagraphBuilder()

    def opening(self) -> str:
        return ""

    def segment(self, segment: Segment) -> str:
        return self._written(self._paragraphs.add(segment))

    def closing(self) -> str:
        return self._written(self._paragraphs.rest())

    def _written(self, paragraph: Paragraph | None) -> str:
        return "" if paragraph is None else f"{self.paragraph(paragraph)}\n\n"

    def paragraph(self, paragraph: Paragraph) -> str:
        return f"{paragraph.speaker}: {paragraph.text}" if paragraph.speaker else paragraph.text


class Markdown(Text):
    """Markdown, in which nothing of the text is taken for markup."""

    media_type: ClassVar[str] = "text/markdown"
    SPECIAL = re.compile(r"([\\`*_\[\]<>#|~!&$])")

    def opening(self) -> str:
        title = " ".join(self._header.title.split())
        return f"# {self._quoted(title)}\n\n*{self._quoted(self._header.note)}*\n\n"

    def paragraph(self, paragraph: Paragraph) -> str:
        speaker = f"**{self._quoted(paragraph.speaker)}:** " if paragraph.speaker else ""
        return f"**[{timestamp(paragraph.start)}]** {speaker}{self._quoted(paragraph.text)}"

    def _quoted(self, text: str) -> str:
        return self.SPECIAL.sub(r"\\\1", text)


class Json:
    """One JSON object; the segments come last, one in a line."""

    media_type: ClassVar[str] = "application/json"

    def __init__(self, header: Header) -> None:
        self._header = header
        self._separator = "\n"

    def opening(self) -> str:
        head = json.dumps({**asdict(self._header), "note": self._header.note}, ensure_ascii=False)
        return f'{head[:-1]}, "segments": ['

    def segment(self, segment: Segment) -> str:
        separator, self._separator = self._separator, ",\n"
        return separator + json.dumps(segment.to_json(), ensure_ascii=False)

    def closing(self) -> str:
        return "\n]}\n"
