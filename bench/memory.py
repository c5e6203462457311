"""Whether the memory that a transcription takes grows with the length of the recording.

    python bench/memory.py [HOURS]

A web process and a worker, started anew for each recording, receive and transcribe ten minutes, one hour and ten hours (or
HOURS) with a speech engine that takes a hundredth of a second for every window and holds no model: what is measured is ours.
The resident memory of all processes is read twenty times a second from before the upload until the job is completed:
web and worker themselves, the children of each (a look into the file, the decoder, the engine), and all together at one
moment. On SQLite. Every window must have been heard. Prints one JSON line with the peak of all together for the longest
recording against ten minutes last. Takes two to three minutes with ten hours.
"""

from __future__ import annotations

import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from harness.cluster import Cluster, running_cluster
from harness.longplay import TUNE_SECONDS, repeat, write_tune
from harness.report import progress, publish, require
from harness.service import Process
from harness.work import completed, seconds_of, segments_of, upload

TARGET = 1.2
LONGEST_HOURS = 10.0
LOOK_SECONDS = 0.05
LONGEST_SECONDS = 600.0
MIB = 1024**2
SETTINGS = {
    "STT__MODEL": "0.01",  # seconds that the engine takes for a window
    "JOBS__CONCURRENCY": "1",
}


@dataclass(slots=True)
class Peaks:
    """The most that each part, and all together, had in memory at any look; in bytes."""

    looks: int = 0
    parts: dict[str, int] = field(default_factory=dict)

    def add(self, parts: Mapping[str, int]) -> None:
        self.looks += 1
        for name, size in {**parts, "together": sum(parts.values())}.items():
            self.parts[name] = max(size, self.parts.get(name, 0))


@dataclass(frozen=True, slots=True)
class Run:
    """One recording, transcribed by fresh processes."""

    audio_seconds: float
    windows: int
    job_seconds: float
    peaks: Peaks

    def to_json(self) -> dict[str, object]:
        sizes = {f"{name}_mib": round(size / MIB, 1) for name, size in self.peaks.parts.items()}
        work = {"windows": self.windows, "job_seconds": round(self.job_seconds, 1), "looks": self.peaks.looks}
        return {**work, **sizes}


def main() -> None:
    publish(measure)


def measure() -> dict[str, object]:
    hours = float(sys.argv[1]) if len(sys.argv) > 1 else LONGEST_HOURS
    lengths = sorted({TUNE_SECONDS, 3600, round(hours * 3600)})
    with tempfile.TemporaryDirectory() as name:
        tune = write_tune(Path(name) / "tune.aac")
        runs = {length: _run(Path(name) / str(length), tune, length) for length in lengths}
    return summary(runs)


def summary(runs: Mapping[int, Run]) -> dict[str, object]:
    """Return the peaks for every length in seconds, and the longest against the shortest."""
    first, last = runs[min(runs)].peaks.parts, runs[max(runs)].peaks.parts
    ratios = {name: round(last[name] / size, 3) for name, size in first.items() if name in last and size}
    return {
        **{str(length): run.to_json() for length, run in runs.items()},
        "ratios": ratios,
        "target": TARGET,
        "met": ratios["together"] <= TARGET,
        "ratio": ratios["together"],
    }


def _run(folder: Path, tune: Path, length: int) -> Run:
    progress(f"{length} seconds of audio")
    recording = repeat(tune, tune.with_name(f"{length}.aac"), round(length / TUNE_SECONDS))
    with running_cluster("sqlite", folder, 1, SETTINGS) as cluster:
        with watched(cluster) as peaks:
            media = upload(cluster.client, recording)
            job = completed(cluster.client, media, LONGEST_SECONDS)
        return _checked(cluster, media, seconds_of(job), length, peaks)


def _checked(cluster: Cluster, media: str, seconds: float, length: int, peaks: Peaks) -> Run:
    """Make sure that the whole recording was heard, once. Raises InvalidMeasureError."""
    audio = float(segments_of(cluster.client, media)[-1][2])
    require(abs(audio - length) < 0.01 * length, f"{audio:.0f} seconds were transcribed instead of {length}")
    windows = len(cluster.log.listenings())
    files = len(list((cluster.folder / "data" / "blobs" / "windows").rglob("*.flac")))
    require(windows == files, f"{windows} windows were heard, {files} were cut")
    return Run(audio, windows, seconds, peaks)


@contextmanager
def watched(cluster: Cluster) -> Iterator[Peaks]:
    """Look at the memory of the cluster's processes over and over during the block."""
    peaks, over = Peaks(), threading.Event()

    def watch() -> None:
        while not over.wait(LOOK_SECONDS):
            peaks.add(look(cluster))

    watcher = threading.Thread(target=watch, name="memory")
    watcher.start()
    try:
        yield peaks
    finally:
        over.set()
        watcher.join()


def look(cluster: Cluster) -> dict[str, int]:
    """Return the resident bytes of web, worker and the children of each."""
    return {**_family("web", cluster.web.process), **_family("worker", cluster.workers[0])}


def _family(name: str, process: Process) -> dict[str, int]:
    parent = psutil.Process(process.pid)
    sizes = {name: _resident(parent), f"{name}_children": 0}
    for child in parent.children(recursive=True):
        sizes[f"{name}_children"] += _resident(child)
    return sizes


def _resident(process: psutil.Process) -> int:
    """Return the process's resident bytes, 0 when it has just ended."""
    with suppress(psutil.NoSuchProcess):
        return int(process.memory_info().rss)
    return 0


if __name__ == "__main__":
    main()
