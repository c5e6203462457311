"""What is doubtful about a transcript, so that people look there first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import groupby, pairwise
from typing import Any, Literal

from videochat.transcripts.segment import NumberedSegment

Kind = Literal["repeat", "impossible_time", "low_confidence", "silence_gap"]

REPEATS = 3  # people say things twice; engines that are lost say them again and again
LOW_CONFIDENCE = 0.35
# Nobody speaks faster: fast speech has about 20 characters a second.
MAX_CHARACTERS_PER_SECOND = 40.0
GAP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Finding:
    """Something doubtful at segment `n`, said in a sentence."""

    kind: Kind
    n: int
    message: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def findings(segments: Iterable[NumberedSegment]) -> list[Finding]:
    """Return what is doubtful about the segments (in order, media times), in their order."""
    given = list(segments)
    found = [*_repeats(given), *_impossible_times(given), *_low_confidence(given), *_gaps(given)]
    return sorted(found, key=lambda finding: (finding.n, finding.kind))


def _repeats(segments: list[NumberedSegment]) -> Iterator[Finding]:
    for text, group in groupby(segments, key=lambda segment: _plain(segment.text)):
        same = list(group)
        if text and len(same) >= REPEATS:
            yield Finding("repeat", same[0].n, f"The same words {len(same)} times in a row.")


def _impossible_times(segments: list[NumberedSegment]) -> Iterator[Finding]:
    for segment in segments:
        if segment.start < 0 or segment.end <= segment.start:
            yield Finding("impossible_time", segment.n, "It ends before it begins.")
        elif len(segment.text) / (segment.end - segment.start) > MAX_CHARACTERS_PER_SECOND:
            yield Finding("impossible_time", segment.n, "More words than anybody can say in this time.")
    for before, after in pairwise(segments):
        if after.start < before.start:
            yield Finding("impossible_time", after.n, "It begins before the segment in front of it.")


def _low_confidence(segments: list[NumberedSegment]) -> Iterator[Finding]:
    for segment in segments:
        if segment.confidence is not None and segment.confidence < LOW_CONFIDENCE:
            yield Finding(
                "low_confidence", segment.n, f"The engine is only {segment.confidence:.0%} sure of these words."
            )


def _gaps(segments: list[NumberedSegment]) -> Iterator[Finding]:
    for before, after in pairwise(segments):
        if after.start - before.end > GAP_SECONDS:
            yield Finding("silence_gap", after.n, f"No words for {after.start - before.end:.0f} s before this.")


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
