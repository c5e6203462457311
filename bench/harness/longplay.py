"""Recordings of many hours that are made in seconds: ten minutes are encoded once and then stand there over and over."""

from __future__ import annotations

import shutil
from pathlib import Path

import av

from harness.recordings import write_pieces

TUNE_SECONDS = 600
PIECES = TUNE_SECONDS // 10


def write_tune(path: Path) -> Path:
    """Write ten minutes of bursts of noise with pauses, to cut at, as an AAC stream, which has no header of its own."""
    samples = write_pieces(path.with_suffix(".wav"), PIECES)
    with av.open(str(samples)) as source, av.open(str(path), "w", format="adts") as target:
        sound = target.add_stream("aac", rate=16_000, layout="mono")
        for frame in source.decode(audio=0):
            target.mux(sound.encode(frame))
        target.mux(sound.encode(None))
    samples.unlink()
    return path


def repeat(tune: Path, path: Path, times: int) -> Path:
    """Write the stream so many times in a row."""
    with path.open("wb") as target:
        for _ in range(times):
            with tune.open("rb") as source:
                shutil.copyfileobj(source, target)
    return path
