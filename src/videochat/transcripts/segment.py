"""What was said and when: words, segments and the transcript that they form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, Self

Status = Literal["partial", "complete", "failed"]


@dataclass(frozen=True, slots=True)
class Word:
    """One word. Times are seconds; confidence lies between 0 and 1 where the engine gives one."""

    start: float
    end: float
    text: str
    confidence: float | None = None

    def shifted(self, offset: float) -> Word:
        return replace(self, start=self.start + offset, end=self.end + offset)

    def to_json(self) -> dict[str, Any]:
        return {"start": self.start, "end": self.end, "text": self.text, "confidence": self.confidence}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Word:
        return cls(value["start"], value["end"], value["text"], value["confidence"])


@dataclass(frozen=True, slots=True)
class Segment:
    """Something said without a long pause, from `start` to `end` in seconds.

    An engine counts from the start of its window; everywhere else times count from the start of the media.
    """

    start: float
    end: float
    text: str
    words: tuple[Word, ...] = ()
    speaker: str | None = None
    confidence: float | None = None

    def shifted(self, offset: float) -> Self:
        """Return the same segment, `offset` seconds later."""
        words = tuple(word.shifted(offset) for word in self.words)
        return replace(self, start=self.start + offset, end=self.end + offset, words=words)

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; `words` is there only where there are any."""
        value: dict[str, Any] = {
            "start": self.start,
            "end": self.end,
            "text": self.text,
            "speaker": self.speaker,
            "confidence": self.confidence,
        }
        return {**value, "words": [word.to_json() for word in self.words]} if self.words else value

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return the segment that `to_json` described."""
        words = tuple(Word.from_json(word) for word in value.get("words") or ())
        return cls(**{**value, "words": words})


@dataclass(frozen=True, slots=True)
class NumberedSegment(Segment):
    """A segment of a stored transcript; `n` counts from 0 without gaps."""

    n: int = field(kw_only=True)

    @classmethod
    def of(cls, segment: Segment, n: int) -> NumberedSegment:
        """Give a segment its number."""
        return cls(
            segment.start, segment.end, segment.text, segment.words, segment.speaker, segment.confidence, n=n
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        # Named base: a dataclass with slots is a new class, which the short form of super() does not know.
        return {"n": self.n, **Segment.to_json(self)}


@dataclass(frozen=True, slots=True)
class Transcript:
    """One transcription of one medium.

    `transcribed` is how many seconds of the media have been listened to, `windows` and `segments` are counts,
    `basic` says that a simple offline recogniser made it, whose words people should not trust blindly.
    """

    id: str
    media_id: str
    engine: str
    model: str
    language: str | None
    basic: bool
    status: Status
    transcribed: float
    windows: int
    segments: int
    created_at: datetime
