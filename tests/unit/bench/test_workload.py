"""The replayed requests are the same for the same seed, and as mixed as they say."""

from __future__ import annotations

from collections import Counter

from harness.workload import CACHES, Step, steps


def test_a_seed_decides_everything() -> None:
    """Two runs ask the same, so that they can be compared; another seed asks something else."""
    assert steps(1, 40, 100, 500) == steps(1, 40, 100, 500)
    assert steps(1, 40, 100, 500) != steps(2, 40, 100, 500)


def test_the_popular_is_asked_for_often_and_the_rest_too() -> None:
    """The first recording is wanted about twice as often as the second, and nearly every one is wanted at all."""
    opened = Counter(step.rank for step in steps(0, 40, 100, 20_000) if step.kind == "transcript")
    assert 1.6 < opened[0] / opened[1] < 2.4
    assert len(opened) == 40


def test_everything_happens() -> None:
    """Lists, searches, recordings, exports and changes; who opens a recording asks for all that the page shows."""
    kinds = Counter(step.kind for step in steps(0, 40, 100, 5000))
    assert {*kinds} == {*CACHES, "medium", "rename"}
    assert abs(kinds["waveform"] - kinds["transcript"]) <= 1
    assert 0.4 < kinds["search"] / kinds["list"] < 0.6


def test_paths_name_what_is_there() -> None:
    """A rank beyond what there is wraps around."""
    assert Step("search", 3).path(["m"], ["a", "b"]) == "/api/search?q=b"
    assert Step("subtitles", 2).path(["m", "n"], ["a"]) == "/api/media/m/subtitles.vtt"
