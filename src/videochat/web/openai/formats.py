"""Whole transcripts in OpenAI's formats, written as a stream: nobody holds all of a long one."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import AsyncIterator, Callable, Iterator

from videochat.transcripts.paragraphs import joined
from videochat.transcripts.segment import NumberedSegment, Segment, Transcript
from videochat.web.openai.bodies import Json

Segments = AsyncIterator[NumberedSegment]


class Text:
    """The words of segments as one text, which grows piece by piece."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._last = ""

    @property
    def whole(self) -> str:
        return "".join(self._pieces)

    def add(self, segment: Segment) -> str:
        """Return what the segment adds, with the space before it where there must be one."""
        said = " ".join(segment.text.split())
        piece = joined(self._last, said)[len(self._last) :] if said else ""
        self._last = piece[-1:] or self._last
        self._pieces.append(piece)
        return piece


def usage_of(transcript: Transcript) -> Json:
    """Return what was listened to, which is what OpenAI's prices count."""
    return {"type": "duration", "seconds": _seconds(transcript)}


async def as_text(segments: Segments) -> AsyncIterator[str]:
    """Yield the plain text."""
    text = Text()
    async for segment in segments:
        yield text.add(segment)
    yield "\n"


async def as_json(transcript: Transcript, segments: Segments) -> AsyncIterator[str]:
    """Yield the text as a JSON object."""
    yield "{"
    async for piece in _text_fields(transcript, segments):
        yield piece
    yield "}"


async def as_verbose_json(
    transcript: Transcript, read: Callable[[], Segments], *, words: bool, segments: bool
) -> AsyncIterator[str]:
    """Yield OpenAI's verbose JSON; `read` reads the segments from their beginning, once for each list of them."""
    head = {"task": "transcribe", "language": transcript.language, "duration": _seconds(transcript)}
    yield f"{json.dumps(head)[:-1]}, "
    if words:
        async for piece in _list("words", read(), _words):
            yield piece
    if segments:
        async for piece in _list("segments", read(), _segment):
            yield piece
    async for piece in _text_fields(transcript, read()):
        yield piece
    yield "}"


async def _text_fields(transcript: Transcript, segments: Segments) -> AsyncIterator[str]:
    text = Text()
    yield '"text": "'
    async for segment in segments:
        yield json.dumps(text.add(segment), ensure_ascii=False)[1:-1]
    yield f'", "usage": {json.dumps(usage_of(transcript))}'


async def _list(
    name: str, segments: Segments, items: Callable[[NumberedSegment], Iterator[Json]]
) -> AsyncIterator[str]:
    yield f'"{name}": ['
    separator = ""
    async for segment in segments:
        for item in items(segment):
            yield separator + json.dumps(item, ensure_ascii=False)
            separator = ", "
    yield "], "


def _words(segment: NumberedSegment) -> Iterator[Json]:
    for word in segment.words:
        yield {"word": word.text, "start": word.start, "end": word.end}


def _segment(segment: NumberedSegment) -> Iterator[Json]:
    """Yield the segment; what no engine here tells is null."""
    said = segment.text.encode()
    yield {
        "id": segment.n,
        "seek": None,
        "start": segment.start,
        "end": segment.end,
        "text": segment.text,
        "tokens": [],
        "temperature": None,
        # Of Whisper, confidence is the mean probability of the tokens.
        "avg_logprob": math.log(segment.confidence) if segment.confidence else None,
        "compression_ratio": len(said) / len(zlib.compress(said)) if said else None,
        "no_speech_prob": None,
        "speaker": segment.speaker,
    }


def _seconds(transcript: Transcript) -> float:
    return round(transcript.transcribed, 3)
