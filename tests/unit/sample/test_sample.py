"""The bundled recording and what is said about it."""

from __future__ import annotations

import json
from importlib import resources
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from videochat.media.container import RATE, decode, probe
from videochat.media.media import Limits

FOLDER = Path(str(resources.files("videochat.sample")))
ABOUT = json.loads((FOLDER / "lecture.json").read_text(encoding="utf-8"))


def test_the_recording_is_small_and_about_a_minute() -> None:
    """It travels in every wheel, so it is small; it is a film that browsers play."""
    assert (FOLDER / "lecture.mp4").stat().st_size <= 1_500_000
    found = probe(FOLDER / "lecture.mp4", Limits())
    assert (found.mime, found.video_streams, found.audio_streams) == ("video/mp4", 1, 1)
    assert found.duration == pytest.approx(60, abs=10)


def test_the_words_are_those_of_the_sentences() -> None:
    """The text, the sentences with their times and the answer agree."""
    sentences = [sentence["text"] for sentence in ABOUT["sentences"]]
    assert (FOLDER / "lecture.txt").read_text(encoding="utf-8").splitlines() == sentences
    assert " ".join(ABOUT["answer_words"]) in " ".join(sentences).lower()


def test_the_sentences_are_heard_at_their_times() -> None:
    """Each sentence is loud and each pause between two is quiet."""
    sound = np.concatenate(list(decode(FOLDER / "lecture.mp4"))).astype(np.float64)
    spoken = [(sentence["start"], sentence["end"]) for sentence in ABOUT["sentences"]]
    pauses = [(before[1] + 0.1, after[0] - 0.1) for before, after in pairwise(spoken)]
    assert min(np.std(_part(sound, *times)) for times in spoken) > 500
    assert max(np.std(_part(sound, *times)) for times in pauses) < 50


def _part(sound: np.ndarray, start: float, end: float) -> np.ndarray:
    return sound[int(start * RATE) : int(end * RATE)]
