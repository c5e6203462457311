"""The paced engine: equal audio gives equal text, every window takes its time, and the log tells what was heard twice."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from harness.paced import LOG, Listening, Paced, PacedLog, install, repetitions, segments_of
from harness.recordings import noise, write_pieces
from videochat.errors import ConfigurationError
from videochat.media.audio import WindowCutter
from videochat.media.container import decode, write_flac
from videochat.media.media import Cutting
from videochat.transcripts.host import EngineHost
from videochat.transcripts.segment import Segment
from videochat.transcripts.transcriber import EngineSpec, Options


@pytest.fixture
def window(tmp_path: Path) -> Path:
    """Give 25 seconds of noise."""
    path = tmp_path / "window.flac"
    write_flac(path, noise(1).repeat(25))
    return path


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PacedLog:
    monkeypatch.setenv(LOG, str(tmp_path / "paced.log"))
    return PacedLog(tmp_path / "paced.log")


def hear(window: Path, model: str = "0") -> list[Segment]:
    transcriber = Paced().load(EngineSpec("paced", model))
    return list(transcriber.transcribe(window, Options()).segments)


def test_the_text_is_that_of_the_samples(window: Path) -> None:
    """Anyone who has the samples knows what the engine must say: a segment for every ten seconds."""
    heard = hear(window)
    assert heard == list(segments_of(noise(1).repeat(25)))
    assert [(segment.start, segment.end) for segment in heard] == [(0, 10), (10, 20), (20, 25)]
    assert heard != list(segments_of(noise(2).repeat(25)))


def test_a_window_takes_the_time_that_the_model_names(window: Path, log: PacedLog) -> None:
    """The time is spent evenly before the segments, and stands in the log."""
    started = time.monotonic()
    hear(window, "0.3")
    (heard,) = log.listenings()
    assert heard.ended is not None
    assert 0.3 <= heard.ended - heard.began <= time.monotonic() - started


def test_a_model_that_is_no_number_is_refused() -> None:
    """A mistake in the settings has a name."""
    with pytest.raises(ConfigurationError, match="number of seconds"):
        Paced().load(EngineSpec("paced", "small"))


def test_who_was_killed_never_ended(window: Path, log: PacedLog) -> None:
    """A window that was begun and not ended is in the log too, and may be heard again by the same process."""
    transcriber = Paced().load(EngineSpec("paced", "0"))
    cut_off = transcriber.transcribe(window, Options()).segments
    next(cut_off)
    cut_off.close()
    hear(window)
    first, again = log.listenings()
    assert first.crc == again.crc
    assert log.ended == 1
    assert repetitions([first, again]) == [(first, again)]


def test_the_log_can_be_read_from_now_on(window: Path, log: PacedLog) -> None:
    """What was heard before is another measurement's."""
    assert log.from_now().listenings() == []
    hear(window)
    later = log.from_now()
    hear(window)
    assert len(log.listenings()) == 2
    assert len(later.listenings()) == later.ended == 1
    assert later.wait_for(1, quiet_seconds=0)
    assert not later.wait_for(2, quiet_seconds=0.05)


def test_only_the_same_window_counts_as_repeated() -> None:
    """A third time repeats the second one."""
    a, b = Listening(1, "a", 1.0, 2.0), Listening(1, "b", 2.0, 3.0)
    again, once_more = Listening(2, "a", 4.0, None), Listening(3, "a", 5.0, 6.0)
    assert repetitions([a, b, again, once_more]) == [(a, again), (again, once_more)]


@pytest.fixture
async def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EngineHost]:
    for name, value in install(tmp_path / "engine").items():
        monkeypatch.setenv(name, value)
    host = EngineHost(limit=1, idle_seconds=30)
    yield host
    await host.close()


async def test_an_engine_process_finds_it(host: EngineHost, window: Path, tmp_path: Path) -> None:
    """Installed into a folder it works where it is needed: in the child of a worker."""
    async with host.transcribe(EngineSpec("paced", "0"), window, Options()) as listening:
        heard = [segment async for segment in listening.segments]
    assert [segment.text for segment in heard] == [segment.text for segment in segments_of(noise(1).repeat(25))]
    (noted,) = PacedLog(tmp_path / "engine" / "paced.log").listenings()
    assert [noted.pid] == host.pids


def test_each_piece_of_a_recording_is_a_window_of_its_own(tmp_path: Path) -> None:
    """The number of windows is the number of pieces, and no two are alike."""
    cutter = WindowCutter(Cutting(10, 10))
    blocks = decode(write_pieces(tmp_path / "pieces.wav", 5))
    windows = [window for block in blocks for window in cutter.feed(block)] + list(cutter.finish())
    assert [window.n for window in windows] == [0, 1, 2, 3, 4]
    assert all(9 < window.end - window.start < 11 for window in windows)
    assert len({window.samples.tobytes() for window in windows}) == 5
