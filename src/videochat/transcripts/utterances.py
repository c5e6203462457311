"""Audio cut at pauses into utterances, for engines that decode one at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from videochat.media.audio import FRAME, FRAME_SECONDS, VoiceActivity, levels
from videochat.transcripts.audio import Samples

# Chosen by word error rate: shorter pauses tear sentences apart, longer ones run them together, and the language model
# of an engine wants whole ones. The detector's hang-over comes on top.
PAUSE_FRAMES = round(0.2 / FRAME_SECONDS)
PADDING_FRAMES = round(0.1 / FRAME_SECONDS)
# Without any pause (music, a hall's noise) an utterance still ends; decoding would take ever more memory.
MAX_FRAMES = round(20 / FRAME_SECONDS)


def utterances(samples: Samples) -> Iterator[tuple[float, Samples]]:
    """Yield the pieces with speech, each with its start in seconds. Takes 16 kHz mono."""
    volume = levels(samples)
    for first, last in _spoken(VoiceActivity().speech(volume)):
        for start, end in _bounded(max(0, first - PADDING_FRAMES), last + PADDING_FRAMES, volume):
            yield start * FRAME_SECONDS, samples[start * FRAME : end * FRAME]


def _spoken(speech: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield [first, last) frames of speech, with shorter pauses inside."""
    frames = np.flatnonzero(speech)
    if frames.size == 0:
        return
    breaks = np.flatnonzero(np.diff(frames) > PAUSE_FRAMES) + 1
    for group in np.split(frames, breaks):
        yield int(group[0]), int(group[-1]) + 1


def _bounded(start: int, end: int, volume: NDArray[np.float64]) -> Iterator[tuple[int, int]]:
    """Cut what is too long at its quietest frame in the second half of what is allowed."""
    while end - start > MAX_FRAMES:
        half = start + MAX_FRAMES // 2
        cut = half + int(np.argmin(volume[half : start + MAX_FRAMES]))
        yield start, cut
        start = cut
    yield start, end
