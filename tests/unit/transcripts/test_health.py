"""What is doubtful about a transcript."""

from __future__ import annotations

from videochat.transcripts.health import findings
from videochat.transcripts.segment import NumberedSegment


def segment(
    n: int, text: str = "", *, start: float | None = None, end: float | None = None, confidence: float | None = 0.9
) -> NumberedSegment:
    begin = n * 5.0 if start is None else start
    return NumberedSegment(
        begin, begin + 4 if end is None else end, text or f"sentence {n}", confidence=confidence, n=n
    )


def found(*segments: NumberedSegment) -> list[tuple[str, int]]:
    return [(finding.kind, finding.n) for finding in findings(segments)]


def test_an_ordinary_transcript_has_no_findings() -> None:
    """Nobody is sent to places where nothing is wrong; an engine without confidence is no reason either."""
    assert found(*(segment(n, confidence=None if n % 2 else 0.8) for n in range(20))) == []


def test_the_same_words_again_and_again_are_found_once() -> None:
    """Three in a row, whatever their case and points, are one finding at the first; two are how people talk."""
    texts = ["Hello.", "Thank you.", "thank you", "Thank you!", "Bye.", "Bye."]
    assert found(*(segment(n, text) for n, text in enumerate(texts))) == [("repeat", 1)]


def test_impossible_times_are_found() -> None:
    """Segments that end before they begin, jump back or hold too many words for their time are listed."""
    assert found(segment(0, start=5, end=5)) == [("impossible_time", 0)]
    assert found(segment(0, start=10), segment(1, start=3)) == [("impossible_time", 1)]
    assert found(segment(0, "word " * 50, end=1.0)) == [("impossible_time", 0)]


def test_doubt_of_the_engine_is_found() -> None:
    """A segment that the engine hardly believes is listed with its percentage."""
    (finding,) = findings([segment(0), segment(1, confidence=0.2), segment(2)])
    assert (finding.kind, finding.n) == ("low_confidence", 1)
    assert "20%" in finding.message


def test_a_long_silence_is_found_behind_it() -> None:
    """Words may be missing where nobody spoke for more than a minute."""
    assert found(segment(0), segment(1, start=70)) == [("silence_gap", 1)]
    assert findings([segment(0), segment(1, start=70)])[0].to_json()["message"] == "No words for 66 s before this."
