"""Probing and decoding in a real child process."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from media_files import RATE, endless_silence, silence, speech_like, talk, without_index, write_film, write_wav
from videochat.errors import MediaError, StorageFullError
from videochat.media.container import decode
from videochat.media.decoding import CutWindow, Decoders, decode_windows, probe_file
from videochat.media.media import AudioReport, Cutting, Limits
from waiting import until

LIMITS = Limits()
CUTTING = Cutting(first_seconds=2.0, later_seconds=4.0)


async def pieces_of(path: Path, folder: Path, limits: Limits = LIMITS) -> list[CutWindow | AudioReport]:
    async with aclosing(decode_windows(path, folder, CUTTING, limits)) as pieces:
        return [piece async for piece in pieces]


def children() -> set[int]:
    """Return the ids of the child processes of this one, but for the S3 store that other tests started."""
    tasks = Path(f"/proc/{os.getpid()}/task").iterdir()
    pids = {int(pid) for task in tasks for pid in (task / "children").read_text().split()}
    return {pid for pid in pids if b"moto.server" not in _command(pid)}


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:  # it ended just now
        return b""


async def test_windows_then_the_report(tmp_path: Path) -> None:
    """The windows on disk are the recording, without gap; the report comes last and counts them."""
    samples = talk(2, 0.5, 3, 0.5, 4, 1, 3)
    *windows, report = await pieces_of(write_wav(tmp_path / "content", samples), tmp_path)
    assert isinstance(report, AudioReport)
    assert report.count == len(windows) >= 3
    assert report.duration == samples.size / RATE
    assert 0 < len(report.peaks) <= 2000
    sounds = [block for window in windows for block in decode(window.path)]
    assert np.array_equal(np.concatenate(sounds), samples)
    assert windows[0].start == 0
    assert [window.end for window in windows[:-1]] == [window.start for window in windows[1:]]
    assert sum(window.speech for window in windows) > 10


async def test_a_probe(tmp_path: Path) -> None:
    """The child's answer is a probe."""
    found = await probe_file(write_film(tmp_path / "film", 2, speech_like(2)), LIMITS)
    assert (found.kind, found.mime, found.audio_streams) == ("video", "video/mp4", 1)


async def test_what_is_wrong_with_the_file_is_said(tmp_path: Path) -> None:
    """The child's error comes back with its code."""
    without_index(tmp_path / "film.mp4")
    with pytest.raises(MediaError) as caught:
        await pieces_of(tmp_path / "film.mp4", tmp_path)
    assert caught.value.reason == "media_unreadable"
    with pytest.raises(MediaError):
        await probe_file(tmp_path / "film.mp4", LIMITS)
    assert not children()


async def test_leaving_early_kills_the_child(tmp_path: Path) -> None:
    """Who stops listening after the first window pays for no more."""
    path = endless_silence(tmp_path / "content", 4)
    async with aclosing(decode_windows(path, tmp_path, CUTTING, LIMITS)) as pieces:
        await anext(pieces)
        assert children()
    assert not children()


async def test_a_cancel_kills_the_child(tmp_path: Path) -> None:
    """Cancelling the task ends the process too, within a moment."""
    path = endless_silence(tmp_path / "content", 4)
    task = asyncio.create_task(pieces_of(path, tmp_path))
    while not (tmp_path / "0.flac").exists():
        await asyncio.sleep(0.02)
    task.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await task
    assert not children()


async def test_a_crash_of_the_decoder_is_an_error_of_the_file(tmp_path: Path) -> None:
    """A child that dies is reported and does not take us along."""
    path = endless_silence(tmp_path / "content", 4)
    with pytest.raises(MediaError) as caught:
        async with aclosing(decode_windows(path, tmp_path, CUTTING, LIMITS)) as pieces:
            async for _ in pieces:
                for pid in children():
                    os.kill(pid, 9)
    assert caught.value.reason == "media_crashed"
    assert not caught.value.retryable


async def test_a_probe_has_a_time_limit(tmp_path: Path) -> None:
    """A file that keeps the prober busy is given up."""
    path = write_wav(tmp_path / "content", silence(1))
    with pytest.raises(MediaError) as caught:
        await probe_file(path, replace(LIMITS, probe_seconds=0.01))
    assert caught.value.reason == "media_too_slow"
    assert not children()


async def test_a_full_disk_is_said(tmp_path: Path, small_disk: Path) -> None:
    """Windows that do not fit are an error of the disk and not of the file."""
    noise = np.random.default_rng(0).integers(-20_000, 20_000, 60 * RATE).astype(np.int16)
    with pytest.raises(StorageFullError):
        await pieces_of(write_wav(tmp_path / "content", noise), small_disk)


async def test_a_decoder_waits_for_its_file_and_serves_one(tmp_path: Path) -> None:
    """With one kept ready each file gets a process of its own that was there before; closing ends the one that waits."""
    film = write_film(tmp_path / "film", 2, speech_like(2))
    decoders = Decoders()
    decoders.keep_one_ready()
    used = []
    for _ in range(3):
        await until(lambda: len(children()) == 1)
        waiting = children()
        assert (await probe_file(film, LIMITS, decoders)).kind == "video"
        used += waiting
    assert len(set(used)) == 3
    await decoders.close()
    assert children() == set()


async def test_a_waiting_decoder_that_died_is_replaced(tmp_path: Path) -> None:
    """Who kills the process that waits costs the next file a start and nothing more."""
    film = write_film(tmp_path / "film", 2, speech_like(2))
    decoders = Decoders()
    decoders.keep_one_ready()
    await until(lambda: len(children()) == 1)
    (waiting,) = children()
    os.kill(waiting, signal.SIGKILL)
    await until(lambda: children() == set())
    assert (await probe_file(film, LIMITS, decoders)).kind == "video"
    await decoders.close()
    assert children() == set()
