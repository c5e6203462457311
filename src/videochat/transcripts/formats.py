"""Transcripts as files: subtitles for players, text for people, JSON for programs. All are written as a stream."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Protocol

from videochat.errors import UnsupportedError
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
    """Writes one format, a segment at a time."""

    def opening(self) -> str: ...

    def segment(self, segment: Segment) -> str: ...

    def closing(self) -> str: ...


def render(name: str, header: Header, segments: Iterable[Segment]) -> Iterator[str]:
    """Yield the file in pieces. Raises UnsupportedError for an unknown format, before the first piece is asked for."""
    return _pieces(renderer_named(name, header), segments)


async def render_stream(name: str, header: Header, segments: AsyncIterable[Segment]) -> AsyncIterator[str]:
    """Yield the file in pieces while the segments are being read."""
    renderer = renderer_named(name, header)
    yield renderer.opening()
    async for segment in segments:
        yield renderer.segment(segment)
    yield renderer.closing()


def renderer_named(name: str, header: Header) -> Renderer:
    """Return what writes this format. Raises UnsupportedError."""
    if name not in _RENDERERS:
        raise UnsupportedError(f"There is no format {name!r}; choose {', '.join(FORMATS)}.")
    return _RENDERERS[name](header)


def timestamp(seconds: float) -> str:
    """Return the full second as h:mm:ss."""
    whole = max(0, int(seconds))
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def _pieces(renderer: Renderer, segments: Iterable[Segment]) -> Iterator[str]:
    yield renderer.opening()
    for segment in segments:
        yield renderer.segment(segment)
    yield renderer.closing()


def _clock(milliseconds: int, point: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{point}{rest:03d}"


class _Srt:
    """SubRip. It has no way to quote, so an arrow in the text becomes another one."""

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


class _Vtt:
    """WebVTT (https://www.w3.org/TR/webvtt1/)."""

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


class _Prose:
    """What txt and md share: paragraphs with an empty line between them."""

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


class _Markdown(_Prose):
    """Markdown, in which nothing of the text is taken for markup."""

    SPECIAL = re.compile(r"([\\`*_\[\]<>#|~!&$])")

    def opening(self) -> str:
        title = " ".join(self._header.title.split())
        return f"# {self._quoted(title)}\n\n*{self._quoted(self._header.note)}*\n\n"

    def paragraph(self, paragraph: Paragraph) -> str:
        speaker = f"**{self._quoted(paragraph.speaker)}:** " if paragraph.speaker else ""
        return f"**[{timestamp(paragraph.start)}]** {speaker}{self._quoted(paragraph.text)}"

    def _quoted(self, text: str) -> str:
        return self.SPECIAL.sub(r"\\\1", text)


class _Json:
    """One JSON object; the segments come last, one in a line."""

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


_RENDERERS: MappingProxyType[str, Callable[[Header], Renderer]] = MappingProxyType(
    {"srt": _Srt, "vtt": _Vtt, "txt": _Prose, "md": _Markdown, "json": _Json}
)
FORMATS = tuple(_RENDERERS)
MEDIA_TYPES: MappingProxyType[str, str] = MappingProxyType({
    "srt": "application/x-subrip",
    "vtt": "text/vtt",
    "txt": "text/plain",
    "md": "text/markdown",
    "json": "application/json",
})  # fmt: skip
