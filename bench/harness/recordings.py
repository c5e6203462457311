"""Recordings to measure with, made from the bundled lecture or on the spot."""

from __future__ import annotations

import io
import wave
from importlib import resources
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from videochat.media.container import RATE, decode
from videochat.media.media import Limits

SAMPLE = Path(str(resources.files("videochat.sample")))
LECTURE = SAMPLE / "lecture.mp4"
LECTURE_WORDS = SAMPLE / "lecture.txt"

PAUSE_SECONDS = 0.4  # about that between two sentences
PAUSE_LEVEL, BURST_LEVEL = 3.0, 2000.0  # standard deviations in steps of 16 bits: a quiet room, a voice


def write_long_lecture(path: Path, times: int) -> Path:
    """Write the bundled lecture, about a minute, so many times in a row as a 16 kHz WAV file."""
    samples = np.concatenate(list(decode(LECTURE, Limits()))).tobytes()
    with path.open("wb") as file, _wav_writer(file) as writer:
        for _ in range(times):
            writer.writeframes(samples)
    return path


def write_pieces(path: Path, count: int, *, seed: int = 0, seconds: float = 10.0) -> Path:
    """Write a 16 kHz WAV file of so many bursts of noise, no two alike, with a pause before each: so long together.

    Cut into windows of about this length, each burst becomes one.
    """
    random = np.random.default_rng(seed)
    lengths = [round(PAUSE_SECONDS * RATE), round((seconds - PAUSE_SECONDS) * RATE)]
    loudness = np.repeat([PAUSE_LEVEL, BURST_LEVEL], lengths)
    with path.open("wb") as file, _wav_writer(file) as writer:
        for _ in range(count):
            writer.writeframes((random.standard_normal(loudness.size) * loudness).astype(np.int16).tobytes())
    return path


def second_of_noise(number: int) -> bytes:
    """Return a WAV file of one second of faint noise; each number gives another content."""
    samples = noise(number)
    file = io.BytesIO()
    with _wav_writer(file) as writer:
        writer.writeframes(samples.tobytes())
    return file.getvalue()


def noise(number: int) -> NDArray[np.int16]:
    """Return the samples of `second_of_noise`."""
    return np.random.default_rng(number).normal(0, 30, RATE).astype(np.int16)


def _wav_writer(file: BinaryIO) -> wave.Wave_write:
    writer = wave.open(file, "wb")  # noqa: SIM115  # the caller closes it
    writer.setparams((1, 2, RATE, 0, "NONE", ""))
    return writer
