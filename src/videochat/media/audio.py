"""What one pass over the samples gives: where speech is, the waveform's peaks, and windows cut at silences.

Everything here takes int16 mono blocks of any size, gives the same result whatever the sizes are, and keeps at most one
window in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from videochat.media.media import Cutting

Samples = NDArray[np.int16]

RATE = 16_000
FRAME = 320  # 20 ms, over which speech is stationary
FRAME_SECONDS = FRAME / RATE
FULL_SCALE = 32768.0


@dataclass(frozen=True, slots=True)
class AudioWindow:
    """Window `n`: the samples from `start` to `end` seconds, `speech` seconds of which sound like speech."""

    n: int
    start: float
    end: float
    speech: float
    samples: Samples


class VoiceActivity:
    """Says for each frame of 20 ms whether it sounds like speech; it rather lets noise through than loses a word.

    A frame counts when its level stands out of the noise floor, and for a hang-over after that, which keeps the soft ends of
    words (as in the detector of GSM 06.32). The floor follows the level down quickly and up slowly: a recursive form of the
    minimum statistics of R. Martin, "Noise power spectral density estimation based on optimal smoothing and minimum
    statistics", IEEE Trans. Speech and Audio Processing 9 (2001).
    """

    MARGIN = 6.0  # dB above the floor; the level of steady noise in 20 ms varies by less than 1 dB
    LOWEST = -65.0  # dBFS: digital silence is no noise floor,
    HIGHEST = -30.0  # and neither is loud music
    FALL = 0.3  # part of the way down per frame
    RISE = 0.5 * FRAME_SECONDS  # dB per frame: half a decibel a second, so that a long sentence does not become noise
    HANG_OVER = 10  # frames

    def __init__(self) -> None:
        self._floor = self.LOWEST
        self._hang = 0

    def speech(self, levels: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return for each level (dBFS, one per frame, in order) whether the frame sounds like speech."""
        return np.fromiter((self._is_speech(level) for level in levels.tolist()), dtype=np.bool_, count=levels.size)

    def _is_speech(self, level: float) -> bool:
        self._follow(level)
        if level > self._floor + self.MARGIN:
            self._hang = self.HANG_OVER
            return True
        self._hang -= 1
        return self._hang >= 0

    def _follow(self, level: float) -> None:
        step = self.FALL * (level - self._floor) if level < self._floor else self.RISE
        self._floor = min(max(self._floor + step, self.LOWEST), self.HIGHEST)


def levels(samples: Samples) -> NDArray[np.float64]:
    """Return the level of each frame in dBFS (−100 for digital silence); a last frame that is not full counts as one."""
    whole = samples.size - samples.size % FRAME
    power = np.mean(np.square(samples[:whole].reshape(-1, FRAME), dtype=np.float64), axis=1)
    if whole < samples.size:
        power = np.append(power, np.mean(np.square(samples[whole:], dtype=np.float64)))
    return np.asarray(10.0 * np.log10(np.maximum(power / FULL_SCALE**2, 1e-10)))


class Peaks:
    """The loudest sample of each of at most 2000 equally long stretches, whatever the length of the recording.

    A stretch starts as 10 ms; whenever there are too many, neighbours are merged in pairs.
    """

    LIMIT = 2000

    def __init__(self) -> None:
        self._stretch = RATE // 100
        self._peaks = np.empty(0, dtype=np.int32)
        self._rest = np.empty(0, dtype=np.int32)

    def feed(self, samples: Samples) -> None:
        held = np.concatenate((self._rest, np.abs(samples.astype(np.int32))))
        whole = held.size - held.size % self._stretch
        self._peaks = np.concatenate((self._peaks, held[:whole].reshape(-1, self._stretch).max(axis=1)))
        self._rest = held[whole:]
        while self._peaks.size >= self.LIMIT:  # one place is kept for the stretch that is not full
            self._merge()

    def values(self) -> tuple[float, ...]:
        """Return the peaks between 0 and 1."""
        last = [self._rest.max()] if self._rest.size else []
        return tuple(round(float(peak) / FULL_SCALE, 3) for peak in [*self._peaks, *last])

    def _merge(self) -> None:
        pairs = self._peaks.size // 2
        odd = self._peaks[2 * pairs :]
        self._peaks, merged = self._peaks[: 2 * pairs].reshape(-1, 2).max(axis=1), self._stretch
        self._stretch *= 2
        if odd.size:  # half a stretch: keep its loudest sample at the head of what is still to come
            self._rest = np.concatenate((np.full(merged, odd[0], dtype=np.int32), self._rest))


class WindowCutter:
    """Cuts a recording into windows, in the middle of the longest silence near the target length.

    The windows cover the recording without gap or overlap. Where there is no silence the quietest moment is taken; no window
    is longer than `max_seconds`. A window without any speech is a window too.
    """

    SEARCH = 0.35  # a cut may be this part of the target before or after it
    QUIET = 10  # frames over which the quietest moment is looked for: 200 ms, about a syllable

    def __init__(self, cutting: Cutting) -> None:
        self._cutting = cutting
        self._activity = VoiceActivity()
        self._held = _Held()
        self._n = 0
        self._start = 0  # in frames

    def feed(self, samples: Samples) -> Iterator[AudioWindow]:
        """Take the next samples and yield the windows that they complete."""
        self._held.add(samples, self._activity)
        while self._held.frames >= self._range()[2]:
            yield self._take(self._cut())

    def finish(self) -> Iterator[AudioWindow]:
        """Yield the last window, if there is anything left."""
        self._held.close(self._activity)
        if self._held.frames:
            yield self._take(self._held.frames)

    def _range(self) -> tuple[int, int, int]:
        """Return the earliest, the wanted and the latest cut, in frames from the window's start."""
        cutting = self._cutting
        target = min(cutting.later_seconds if self._n else cutting.first_seconds, cutting.max_seconds)
        latest = min(target * (1 + self.SEARCH), cutting.max_seconds)
        return _frames(target * (1 - self.SEARCH)), _frames(target), _frames(latest)

    def _cut(self) -> int:
        earliest, wanted, latest = self._range()
        silences = _runs(~self._held.speech[earliest:latest])
        if silences.size:
            middles = earliest + silences.mean(axis=1).round().astype(int)
            lengths = silences[:, 1] - silences[:, 0]
            return int(middles[np.lexsort((np.abs(middles - wanted), -lengths))[0]])
        return earliest + _quietest(self._held.levels[earliest:latest], self.QUIET)

    def _take(self, frames: int) -> AudioWindow:
        samples, speech = self._held.take(frames)
        start = self._start * FRAME_SECONDS
        window = AudioWindow(
            n=self._n,
            start=round(start, 4),
            end=round(start + samples.size / RATE, 4),
            speech=round(int(speech.sum()) * FRAME_SECONDS, 2),
            samples=samples,
        )
        self._n += 1
        self._start += frames
        return window


class _Held:
    """The samples of the window that grows, with the level and the verdict of each of its frames."""

    def __init__(self) -> None:
        self._blocks: list[Samples] = []
        self._rest = np.empty(0, dtype=np.int16)  # less than a frame
        self.levels = np.empty(0)
        self.speech = np.empty(0, dtype=np.bool_)

    @property
    def frames(self) -> int:
        return self.speech.size

    def add(self, samples: Samples, activity: VoiceActivity) -> None:
        joined = np.concatenate((self._rest, samples))
        whole = joined.size - joined.size % FRAME
        self._rest = joined[whole:]
        self._append(joined[:whole], activity)

    def close(self, activity: VoiceActivity) -> None:
        self._append(self._rest, activity)
        self._rest = self._rest[:0]

    def take(self, frames: int) -> tuple[Samples, NDArray[np.bool_]]:
        joined = np.concatenate(self._blocks)
        samples, rest = joined[: frames * FRAME], joined[frames * FRAME :]
        speech = self.speech[:frames]
        self._blocks, self.levels, self.speech = [rest.copy()], self.levels[frames:], self.speech[frames:]
        return samples, speech

    def _append(self, samples: Samples, activity: VoiceActivity) -> None:
        if samples.size:
            found = levels(samples)
            self._blocks.append(samples)
            self.levels = np.concatenate((self.levels, found))
            self.speech = np.concatenate((self.speech, activity.speech(found)))


def _frames(seconds: float) -> int:
    return max(1, round(seconds / FRAME_SECONDS))


def _runs(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return start and end (exclusive) of each run of true values, as rows."""
    edges = np.diff(np.concatenate(([False], flags, [False])).astype(np.int8))
    return np.column_stack((np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)))


def _quietest(found: NDArray[np.float64], width: int) -> int:
    """Return the middle of the quietest stretch."""
    width = min(width, found.size)
    means = np.convolve(found, np.ones(width) / width, mode="valid")
    return int(means.argmin()) + width // 2
