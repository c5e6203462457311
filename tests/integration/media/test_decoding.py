"""Probing and decoding in a real child process."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from again import DECODER_STARTED
from media_files import RATE, endless_silence, silence, speech_like, talk, without_index, write_film, write_wav
from processes import children, command
from videochat.errors import BusyError, MediaError, StorageFullError
from videochat.media.container import decode
from videochat.media.decoding import CutWindow, Decoders, decode_windows, probe_file
from videochat.media.decoding_child import LATER_NICENESS, MEMORY_BYTES
from videochat.media.media import AudioReport, Cutting, Limits
from videochat.ops.serving import NICENESS
from waiting import until

LIMITS = Limits()
CUTTING = Cutting(first_seconds=2.0, later_seconds=4.0)


async def pieces_of(path: Path, folder: Path, limits: Limits = LIMITS) -> list[CutWindow | AudioReport]:
    async with aclosing(decode_windows(path, folder, CUTTING, limits)) as pieces:
        return [piece async for piece in pieces]


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


async def test_windows_that_are_stored_are_not_written_again(tmp_path: Path) -> None:
    """From the second window on: the others and the report are those of a whole pass, and of the first there is no file."""
    content = write_wav(tmp_path / "content", talk(2, 0.5, 3, 0.5, 4, 1, 3))
    whole = await pieces_of(content, tmp_path)
    (tmp_path / "0.flac").unlink()
    async with aclosing(decode_windows(content, tmp_path, CUTTING, LIMITS, first=1)) as pieces:
        assert [piece async for piece in pieces] == whole[1:]
    assert not (tmp_path / "0.flac").exists()


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
    """The process that reads the file dies: that is reported, not tried again, and takes nobody along."""
    path = endless_silence(tmp_path / "content", 4)
    with pytest.raises(MediaError) as caught:
        async with aclosing(decode_windows(path, tmp_path, CUTTING, LIMITS)) as pieces:
            async for _ in pieces:
                (mould,) = children()
                for pid in children(mould):
                    os.kill(pid, signal.SIGKILL)
    assert caught.value.reason == "media_crashed"
    assert not caught.value.retryable


async def test_who_kills_the_mould_is_not_the_files_fault(tmp_path: Path) -> None:
    """A file that was being read when the process behind its decoder was killed can be read again."""
    path = endless_silence(tmp_path / "content", 4)
    with pytest.raises(BusyError) as caught:
        async with aclosing(decode_windows(path, tmp_path, CUTTING, LIMITS)) as pieces:
            async for _ in pieces:
                for mould in children():
                    os.kill(mould, signal.SIGKILL)
    assert caught.value.retryable
    assert children() == set()


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


@pytest.fixture
async def decoders() -> AsyncIterator[Decoders]:
    decoders = Decoders()
    decoders.keep_ready()
    yield decoders
    await decoders.close()
    assert children() == set()


async def mould_of() -> int:
    """Wait until the process that is kept ready has started and imported all that it needs, and return its id."""
    await until(lambda: any(b"decoding_child" in command(pid) for pid in children()))
    (mould,) = children()
    return mould


def threads_of(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


async def test_one_process_is_kept_for_all_files(decoders: Decoders, tmp_path: Path) -> None:
    """Files, also several at once, cost no start of a process; closing ends the one that is kept."""
    film = write_film(tmp_path / "film", 2, speech_like(2))
    mould = await mould_of()
    found = await asyncio.gather(*(probe_file(film, LIMITS, decoders) for _ in range(4)))
    assert [probe.kind for probe in found] == ["video"] * 4
    async with aclosing(decode_windows(film, tmp_path, CUTTING, LIMITS, decoders)) as pieces:
        assert [type(piece) async for piece in pieces][-1] is AudioReport
    with pytest.raises(MediaError):
        await probe_file(tmp_path / "0.flac" / "nothing", LIMITS, decoders)
    assert children() == {mould}
    assert children(mould) == set()


async def test_each_file_that_is_read_is_told_of(decoders: Decoders, tmp_path: Path) -> None:
    """The log has one line for each process that reads a file, as the measure of what is decoded twice counts them."""
    film = write_film(tmp_path / "film", 2, speech_like(2))
    with capture_logs() as said:
        for _ in range(2):
            await probe_file(film, LIMITS, decoders)
    assert len(DECODER_STARTED.findall(json.dumps(said).encode())) == 2


async def test_what_a_file_may_use_binds_the_process_that_reads_it(decoders: Decoders, tmp_path: Path) -> None:
    """Memory, time and priority are bounded there; the kept process is none the worse for it, and has one thread to fork from."""
    mould = await mould_of()
    async with aclosing(
        decode_windows(endless_silence(tmp_path / "content", 4), tmp_path, CUTTING, LIMITS, decoders)
    ) as pieces:
        await anext(pieces)
        (reader,) = children(mould)
        await anext(pieces)  # by then it has stepped back
        assert resource.prlimit(reader, resource.RLIMIT_AS)[0] == MEMORY_BYTES
        assert resource.prlimit(reader, resource.RLIMIT_CPU)[0] == LIMITS.max_work_seconds + 60
        assert os.getpriority(os.PRIO_PROCESS, reader) == min(NICENESS + LATER_NICENESS, 19)
    assert resource.prlimit(mould, resource.RLIMIT_AS) == resource.getrlimit(resource.RLIMIT_AS)
    assert resource.prlimit(mould, resource.RLIMIT_CPU) == resource.getrlimit(resource.RLIMIT_CPU)
    assert os.getpriority(os.PRIO_PROCESS, mould) == NICENESS
    assert threads_of(mould) == 1


async def test_a_kept_process_that_died_is_replaced(decoders: Decoders, tmp_path: Path) -> None:
    """Who kills it costs the next file a start and nothing more."""
    film = write_film(tmp_path / "film", 2, speech_like(2))
    os.kill(await mould_of(), signal.SIGKILL)
    await until(lambda: children() == set())
    assert (await probe_file(film, LIMITS, decoders)).kind == "video"


async def test_who_waits_for_the_start_and_gives_up_stops_nobody_else(tmp_path: Path) -> None:
    """Two files come while the process starts; one is given up, the other is read."""
    film = write_film(tmp_path / "film", 2, speech_like(2))
    decoders = Decoders()
    decoders.keep_ready()
    given_up, read = (asyncio.create_task(probe_file(film, LIMITS, decoders)) for _ in range(2))
    await asyncio.sleep(0)
    given_up.cancel()
    assert (await read).kind == "video"
    assert given_up.cancelled()
    await decoders.close()
    assert children() == set()


async def test_closing_while_it_starts_leaves_nothing(tmp_path: Path) -> None:
    """A service that stops as soon as it has started leaves no process behind."""
    decoders = Decoders()
    decoders.keep_ready()
    await asyncio.sleep(0)
    await decoders.close()
    assert children() == set()


async def test_a_process_that_cannot_be_started(
    decoders: Decoders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No room for the process is no fault of the file, and over when there is room again."""
    film = write_film(tmp_path / "film", 2, speech_like(2))
    os.kill(await mould_of(), signal.SIGKILL)
    await until(lambda: children() == set())
    with monkeypatch.context() as narrow:
        narrow.setattr(sys, "executable", "/nowhere/python")
        with pytest.raises(BusyError):
            await probe_file(film, LIMITS, decoders)
    assert (await probe_file(film, LIMITS, decoders)).kind == "video"
