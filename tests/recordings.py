"""Recordings for tests, cut from the bundled lecture or made on the spot."""

from __future__ import annotations

import wave
from importlib import resources
from itertools import islice
from pathlib import Path

import numpy as np

from videochat.media.container import RATE, decode
from videochat.media.media import Limits

SAMPLE = resources.files("videochat.sample") / "lecture.mp4"


def lecture_wav(path: Path, seconds: int = 4, times: int = 1) -> Path:
    """Write the first seconds of the lecture, so many times in a row, as a WAV file and return its path."""
    with resources.as_file(SAMPLE) as sample:
        blocks = np.concatenate(list(islice(decode(sample, Limits()), seconds)))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        for _ in range(times):
            file.writeframes(blocks[: seconds * RATE].tobytes())
    return path
