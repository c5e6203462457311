"""How an answer looks in a terminal."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from videochat.answers.answer import Answer, Coverage
from videochat.answers.citations import Citation
from videochat.cli.ask import WIDTH, print_answer


def citation(n: int, media: str, name: str, start: float) -> Citation:
    return Citation(n, media, name, start, start + 5, "said", (0,), "verified")


def answer(text: str, *citations: Citation, media: int) -> Answer:
    coverage = Coverage(media=media, duration=None, transcribed=60.0, complete=True, passages=1, uncited=0)
    now = datetime.now(UTC)
    return Answer(
        "ans_1", "cnv_1", "local", "?", None, "completed", text, citations, coverage, "test", None, {}, None, now, now
    )


def test_one_recording_needs_only_the_time(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever asked one recording knows its name."""
    print_answer(answer("So it was. [1]", citation(1, "med_a", "talk.mp4", 65), media=1))
    assert capsys.readouterr().out == "So it was. [0:01:05]\n"


def test_several_recordings_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    """A time says nothing without the recording, also when all the quotes are from one of several."""
    print_answer(answer("So it was. [1]", citation(1, "med_a", "talk.mp4", 65), media=2))
    assert capsys.readouterr().out == "So it was. [talk.mp4 0:01:05]\n"


def test_namesakes_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    """Two recordings of one name show their ids, and only they do."""
    cited = [
        citation(1, "med_a", "talk.mp4", 1),
        citation(2, "med_b", "talk.mp4", 2),
        citation(3, "med_c", "other.mp4", 3),
    ]
    print_answer(answer("One. [1] Two. [2] Three. [3]", *cited, media=3))
    shown = "One. [talk.mp4 (med_a) 0:00:01] Two. [talk.mp4 (med_b) 0:00:02] Three. [other.mp4 0:00:03]\n"
    assert capsys.readouterr().out == shown


def test_a_place_is_never_broken_over_two_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """A name with spaces and hyphens can be found with grep, wherever the line ends."""
    for length in range(WIDTH - 30, WIDTH + 2):
        text = f"- {'w ' * (length // 2)}end [1]\n\nAnd more."
        print_answer(answer(text, citation(1, "med_a", "my well-known talk.mp4", 5), media=2))
        printed = capsys.readouterr().out
        assert "[my well-known talk.mp4 0:00:05]" in printed
        assert printed.endswith("\n\nAnd more.\n")
        assert max(map(len, printed.splitlines())) <= WIDTH
