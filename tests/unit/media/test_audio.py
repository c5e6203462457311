"""Voice activity, peaks and cutting, whatever the sizes of the blocks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_files import RATE, Samples, silence, speech_like, talk
from videochat.media.audio import FRAME_SECONDS, AudioWindow, Peaks, VoiceActivity, WindowCutter, levels
from videochat.media.media import Cutting

SHORT = Cutting(first_seconds=2.0, later_seconds=4.0, max_seconds=5.0)


def windows_of(samples: Samples, cutting: Cutting, sizes: list[int] | None = None) -> list[AudioWindow]:
    cutter = WindowCutter(cutting)
    found = [window for block in blocks(samples, sizes or [RATE]) for window in cutter.feed(block)]
    return found + list(cutter.finish())


def blocks(samples: Samples, sizes: list[int]) -> list[Samples]:
    """Split into blocks of these sizes, over and over."""
    cuts = np.cumsum(np.resize(sizes, samples.size // min(sizes) + 1))
    return np.split(samples, cuts[cuts < samples.size])


def speech_seconds(samples: Samples) -> float:
    return float(VoiceActivity().speech(levels(samples)).sum() * FRAME_SECONDS)


def test_speech_is_told_from_silence() -> None:
    """Two seconds of speech in six are found, with no more than the hang-over added."""
    assert speech_seconds(talk(1, 2, 1, 2)) == pytest.approx(2.0, abs=0.5)


@pytest.mark.parametrize("samples", [silence(5), np.zeros(5 * RATE, np.int16)], ids=["quiet room", "digital silence"])
def test_silence_is_no_speech(samples: Samples) -> None:
    """Neither a quiet room nor digital silence counts as speech."""
    assert speech_seconds(samples) == 0.0


def test_steady_noise_becomes_the_floor() -> None:
    """A fan that runs all the time is taken for speech at first and then no more."""
    fan = silence(60, noise=100)
    assert not VoiceActivity().speech(levels(fan))[-500:].any()


def test_quiet_speech_is_not_lost() -> None:
    """Speech forty decibels below full scale is still found."""
    assert speech_seconds(np.concatenate((silence(1), speech_like(2, level=0.02), silence(1)))) > 1.5


def test_levels_are_decibels_below_full_scale() -> None:
    """A full-scale square wave has 0 dBFS, half of it −6, silence −100; a part of a frame counts as a frame."""
    square = np.full(320, 32767, np.int16)
    found = levels(np.concatenate((square, square // 2, np.zeros(330, np.int16))))
    assert found == pytest.approx([0.0, -6.02, -100.0, -100.0], abs=0.01)


@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.floats(0.05, 6.0), min_size=1, max_size=8),
    sizes=st.lists(st.integers(100, 40_000), min_size=1, max_size=5),
)
def test_windows_cover_the_recording_and_do_not_depend_on_block_sizes(lengths: list[float], sizes: list[int]) -> None:
    """No sample is lost, doubled or moved, no window is too long, and blocks of any size give the same windows."""
    samples = talk(*lengths)
    windows = windows_of(samples, SHORT, sizes)
    assert np.array_equal(np.concatenate([window.samples for window in windows]), samples)
    assert [window.n for window in windows] == list(range(len(windows)))
    assert windows[0].start == 0.0
    assert all(before.end == after.start for before, after in pairwise(windows))
    assert windows[-1].end == pytest.approx(samples.size / RATE, abs=1e-4)
    assert all(0 < window.end - window.start <= SHORT.max_seconds for window in windows)
    assert all(0 <= window.speech <= window.end - window.start + FRAME_SECONDS for window in windows)
    expected = windows_of(samples, SHORT, [samples.size])
    assert [(w.start, w.end, w.speech) for w in windows] == [(w.start, w.end, w.speech) for w in expected]


def test_the_cut_is_in_the_middle_of_the_longest_silence() -> None:
    """Of a short and a long pause near the target the long one is taken, and its middle."""
    windows = windows_of(talk(1.6, 0.3, 0.3, 0.45, 5.0), Cutting(2.0, 4.0))
    assert windows[0].end == pytest.approx(2.2 + 0.3, abs=0.15)


def test_without_any_pause_the_quietest_moment_is_taken() -> None:
    """A voice that never stops is cut where it is softest."""
    voice = speech_like(4)
    softer = slice(int(2.2 * RATE), int(2.5 * RATE))
    voice[softer] //= 2
    windows = windows_of(voice, Cutting(2.0, 4.0))
    assert windows[0].end == pytest.approx(2.35, abs=0.12)


def test_a_window_of_silence_is_a_window() -> None:
    """Silence is cut too, so that the windows cover everything, and says that it has no speech."""
    windows = windows_of(silence(12), SHORT)
    assert len(windows) >= 3
    assert all(window.speech == 0.0 for window in windows)


def test_nothing_gives_no_window() -> None:
    """An empty recording has no window."""
    assert list(WindowCutter(SHORT).finish()) == []


def test_the_targets_are_kept() -> None:
    """The first window is short, so that text appears soon, the later ones are long."""
    windows = windows_of(talk(*[0.8, 0.4] * 15), Cutting(first_seconds=3.0, later_seconds=6.0))
    lengths = [window.end - window.start for window in windows]
    assert lengths[0] == pytest.approx(3.0, rel=0.36)
    assert all(length == pytest.approx(6.0, rel=0.36) for length in lengths[1:-1])


@given(st.integers(0, 3_000_000), st.lists(st.integers(1_000, 700_000), min_size=1, max_size=4))
@settings(max_examples=25, deadline=None)
def test_peaks_are_bounded_and_do_not_depend_on_block_sizes(count: int, sizes: list[int]) -> None:
    """However long the recording: at most 2000 values, the same for blocks of any size, the loudest among them."""
    samples = np.arange(count, dtype=np.int64).astype(np.int16) // 2
    found, whole = Peaks(), Peaks()
    whole.feed(samples)
    for block in blocks(samples, sizes) if count else []:
        found.feed(block)
    assert found.values() == whole.values()
    assert len(found.values()) <= 2000
    assert max(found.values(), default=0.0) == pytest.approx(np.abs(samples).max(initial=0) / 32768, abs=1e-3)


def test_peaks_show_where_it_is_loud() -> None:
    """The second half of the peaks belongs to the second half of the recording."""
    peaks = Peaks()
    peaks.feed(np.concatenate((np.zeros(30 * RATE, np.int16), np.full(30 * RATE, -32768, np.int16))))
    values = peaks.values()
    half = len(values) // 2
    assert max(values[: half - 1]) == 0.0
    assert min(values[half + 1 :]) == 1.0
