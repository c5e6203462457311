"""OpenAI's formats of a transcript."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator, Sequence

import pytest

from library import EPOCH
from videochat.transcripts.segment import NumberedSegment, Transcript, Word
from videochat.web.openai.formats import Text, as_json, as_text, as_verbose_json

TRANSCRIPT = Transcript("t", "m", "e", "m", "en", False, "complete", 12.5, 1, 2, EPOCH)
WORDS = (Word(0.0, 0.5, "{Say"), Word(0.5, 1.0, '"hi"'))
SEGMENTS = [
    NumberedSegment(0.0, 1.0, '{Say  "hi"', WORDS, "Ann", 0.5, n=0),
    NumberedSegment(1.0, 2.0, " ", n=1),
    NumberedSegment(2.0, 3.0, "{again\n}", n=2),
]


async def read(segments: Sequence[NumberedSegment] = SEGMENTS) -> AsyncIterator[NumberedSegment]:
    for segment in segments:
        yield segment


async def joined(pieces: AsyncIterator[str]) -> str:
    return "".join([piece async for piece in pieces])


async def test_the_text_is_one() -> None:
    """Spaces stand between segments and nowhere else, and what looks like JSON in it stays text."""
    text = '{Say "hi" {again }'
    assert await joined(as_text(read())) == f"{text}\n"
    plain = json.loads(await joined(as_json(TRANSCRIPT, read())))
    assert plain == {"text": text, "usage": {"type": "duration", "seconds": 12.5}}


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (["你好，", "世界。"], "你好，世界。"),
        (["안녕", "하세요"], "안녕 하세요"),
        ([], ""),
        (["one", "", "two"], "one two"),
    ],
)
def test_pieces_are_the_whole(said: list[str], text: str) -> None:
    """Chinese has no spaces, Korean has, and what was told piece by piece is what is told at the end."""
    growing = Text()
    pieces = [growing.add(NumberedSegment(0.0, 1.0, one, n=0)) for one in said]
    assert "".join(pieces) == growing.whole == text


@pytest.mark.parametrize(
    ("words", "segments", "lists"),
    [(True, True, {"words", "segments"}), (True, False, {"words"}), (False, True, {"segments"}), (False, False, set())],
)
async def test_verbose_json_holds_what_was_asked_for(words: bool, segments: bool, lists: set[str]) -> None:
    """Words, segments, both or neither, and always the whole text."""
    found = json.loads(await joined(as_verbose_json(TRANSCRIPT, read, words=words, segments=segments)))
    assert found.keys() - lists == {"task", "language", "duration", "text", "usage"}
    assert lists <= found.keys()
    assert found["text"] == '{Say "hi" {again }'


async def test_segments_say_what_is_known() -> None:
    """What an engine told is there, what can be computed is, and the rest is null and not invented."""
    found = json.loads(await joined(as_verbose_json(TRANSCRIPT, read, words=True, segments=True)))
    first, _, last = found["segments"]
    assert (first["id"], first["start"], first["end"], first["speaker"]) == (0, 0.0, 1.0, "Ann")
    assert first["avg_logprob"] == math.log(0.5)
    assert first["compression_ratio"] > 0
    assert (first["no_speech_prob"], first["tokens"], last["avg_logprob"]) == (None, [], None)
    assert found["words"] == [
        {"word": "{Say", "start": 0.0, "end": 0.5},
        {"word": '"hi"', "start": 0.5, "end": 1.0},
    ]
