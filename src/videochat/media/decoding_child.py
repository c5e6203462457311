"""The child's half of probing and decoding: `python -m videochat.media.decoding_child`, started by `decoding`; it forks for each.

Tasks: `{"probe": {path, limits}}` → `{"probe": {…}}`; `{"decode": {path, folder, cutting, limits, first}}` → `{"window": {n,
start, end, speech, file}}` for each window from the first one on, then `{"report": {…}}`. Either may end with `{"error": {code,
message}}`.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from videochat.errors import VideoChatError, from_os_error
from videochat.media.audio import AudioWindow, Peaks, WindowCutter
from videochat.media.container import decode, probe, write_flac
from videochat.media.media import AudioReport, Cutting, Limits
from videochat.ops.casting import serve_casts
from videochat.ops.serving import Message

# Somebody waits for the first window; after it engines that listen go before a decoder that is far ahead of them.
LATER_NICENESS = 5
MEMORY_BYTES = 4 * 1024**3  # of address space; decoding takes about a tenth of it


def handle_alone(task: Message) -> Iterator[Message]:
    """Answer the only task of this process."""
    _bound_memory()
    yield from handle(task)


def handle(task: Message) -> Iterator[Message]:
    """Answer one task; what is wrong with the file or the disk is a reply, what is wrong with us is a crash."""
    try:
        yield from _probe(**task["probe"]) if "probe" in task else _decode(**task["decode"])
    except VideoChatError as error:
        yield _error(error)
    except OSError as error:
        yield _error(from_os_error(error, "decoding"))


def _probe(path: str, limits: Message) -> Iterator[Message]:
    yield {"probe": asdict(probe(Path(path), Limits(**limits)))}


def _decode(path: str, folder: str, cutting: Message, limits: Message, first: int) -> Iterator[Message]:
    bounds = Limits(**limits)
    _bound_time(bounds.max_work_seconds)
    decoding = decode(Path(path), bounds)
    peaks = Peaks()
    cutter = WindowCutter(Cutting(**cutting))
    count = 0
    for window in _windows(decoding, cutter, peaks):
        if window.n >= first:  # those before are stored
            yield _written(window, Path(folder))
        if not count:
            os.nice(LATER_NICENESS)
        count += 1
    found = decoding.report
    yield {
        "report": asdict(
            AudioReport(
                duration=found.duration,
                declared=found.declared,
                missing=found.missing,
                invalid_packets=found.invalid_packets,
                count=count,
                peaks=peaks.values(),
            )
        )
    }


def _windows(decoding: Iterable[NDArray[np.int16]], cutter: WindowCutter, peaks: Peaks) -> Iterator[AudioWindow]:
    for block in decoding:
        peaks.feed(block)
        yield from cutter.feed(block)
    yield from cutter.finish()


def _written(window: AudioWindow, folder: Path) -> Message:
    file = f"{window.n}.flac"
    write_flac(folder / file, window.samples)
    return {"window": {"n": window.n, "start": window.start, "end": window.end, "speech": window.speech, "file": file}}


def _error(error: VideoChatError) -> Message:
    return {"error": {"code": error.reason, "message": error.message}}


def _bound_memory() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MEMORY_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def _bound_time(seconds: float) -> None:
    """End this process when a decoder never comes back; the pass itself looks at the clock between packets."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 60, hard))


if __name__ == "__main__":
    serve_casts(handle_alone)
