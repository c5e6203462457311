"""How much faster several workers transcribe one recording than one worker does.

    python bench/workers.py

One, two and four `videochat worker` processes share the windows of one recording, on SQLite and, where a server answers
(TEST_POSTGRES_URL), on PostgreSQL. The engine takes the same time for every window and no processor, so that what is lost is
lost by us. Workers come and go in the order 1, 2, 4, 4, 2, 1, so that a change on the machine meets all; before each run the
recording is deleted with all that was made from it and the engines are unloaded. `listening` counts from when the first
window begins to when the last one ends, `job` from when the job is asked for to when it is completed, with the start of
decoder and engines. Prints one JSON line with the lowest efficiency of `job` against linear, up to the cores, last.
Takes about four minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from harness.cluster import Cluster, on_each_database
from harness.databases import Kind
from harness.paced import windows_of_ten_seconds
from harness.recordings import write_pieces
from harness.report import cores, progress, publish, require
from harness.work import Segments, completed, seconds_of, segments_of, upload

TARGET = 0.9
ORDER = (1, 2, 4, 4, 2, 1)
WINDOWS = 48
WINDOW_SECONDS = 0.5  # that the engine takes
LONGEST_SECONDS = 120.0
SETTINGS = {**windows_of_ten_seconds(WINDOW_SECONDS, at_a_time=1), "STT__IDLE_SECONDS": "1"}


@dataclass(frozen=True, slots=True)
class Run:
    """One transcription by so many workers; times in seconds."""

    workers: int
    listening: float
    job: float
    segments: Segments


@dataclass(frozen=True, slots=True)
class Result:
    """The mean times of the runs with so many workers, and their speed against so many times that of one worker."""

    workers: int
    listening: float
    job: float
    listening_efficiency: float
    job_efficiency: float

    @classmethod
    def of(cls, runs: Sequence[Run], workers: int) -> Result:
        job, listening = _means(runs, workers)
        job_alone, listening_alone = _means(runs, 1)
        return cls(workers, listening, job, listening_alone / listening / workers, job_alone / job / workers)

    def to_json(self) -> dict[str, float]:
        return {
            "listening_seconds": round(self.listening, 2),
            "listening_efficiency": round(self.listening_efficiency, 3),
            "job_seconds": round(self.job, 2),
            "job_efficiency": round(self.job_efficiency, 3),
        }


def main() -> None:
    publish(measure)


def measure() -> dict[str, object]:
    runs = on_each_database(ORDER[0], SETTINGS, _runs)
    texts = [run.segments for of_kind in runs.values() for run in of_kind]
    require(all(text == texts[0] for text in texts), "the transcripts are not the same")
    results = {kind: [Result.of(of_kind, workers) for workers in sorted(set(ORDER))] for kind, of_kind in runs.items()}
    return {"windows": WINDOWS, "window_seconds": WINDOW_SECONDS, **_summary(results)}


def _summary(results: dict[Kind, list[Result]]) -> dict[str, object]:
    all_of_them = [result for of_kind in results.values() for result in of_kind]
    ratio = round(min(result.job_efficiency for result in all_of_them if result.workers <= cores()), 3)
    return {
        **{kind: {str(result.workers): result.to_json() for result in of_kind} for kind, of_kind in results.items()},
        "ratio_beyond_the_cores": round(min(result.job_efficiency for result in all_of_them), 3),
        "target": TARGET,
        "met": ratio >= TARGET,
        "ratio": ratio,
    }


def _means(runs: Sequence[Run], workers: int) -> tuple[float, float]:
    """Return the mean seconds of the jobs and of the listening."""
    chosen = [run for run in runs if run.workers == workers]
    return fmean(run.job for run in chosen), fmean(run.listening for run in chosen)


def _runs(cluster: Cluster) -> list[Run]:
    """Transcribe the recording again and again. Raises InvalidMeasureError."""
    recording = write_pieces(cluster.folder / "long.wav", WINDOWS)
    found = []
    for workers in ORDER:
        progress(f"{workers} workers on {cluster.kind}")
        cluster.have_workers(workers)
        cluster.wait_until_unloaded()
        found.append(_run(cluster, recording))
    return found


def _run(cluster: Cluster, recording: Path) -> Run:
    workers, client = len(cluster.workers), cluster.client
    log = cluster.log.from_now()
    media = upload(client, recording)
    job = completed(client, media, LONGEST_SECONDS)
    segments = segments_of(client, media)
    client.delete(f"/api/media/{media}").raise_for_status()
    heard = log.listenings()
    require(len(heard) == WINDOWS, f"{len(heard)} windows were heard instead of {WINDOWS}")
    require(len({listening.pid for listening in heard}) == workers, "not every worker took part")
    first, last = min(listening.began for listening in heard), max(listening.ended or 0.0 for listening in heard)
    return Run(workers, last - first, seconds_of(job), segments)


if __name__ == "__main__":
    main()
