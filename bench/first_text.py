"""How much later the first words of a recording of ten hours can be read than those of its first ten minutes alone.

    python bench/first_text.py

Both recordings begin with the same ten minutes and lie uploaded; one speech engine, which takes a tenth of a second for every
window, is loaded and idle before each run. The time counts from before the transcription is asked for until the first segment
can be read over HTTP. Short and long come in turn, each to an installation that has never seen them: after each run the
recording is deleted with all that was made from it. The first run of each only warms up; seven of each count. The first
segments of all must be the same. On SQLite and, where a server answers (TEST_POSTGRES_URL), on PostgreSQL. Prints one JSON
line with the larger ratio of the medians last. Takes two to three minutes.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from harness.cluster import Cluster, engines_of, on_each_database
from harness.databases import Kind
from harness.longplay import TUNE_SECONDS, repeat, write_tune
from harness.recordings import write_pieces
from harness.report import progress, publish, require
from harness.work import completed, transcribe, upload

TARGET = 1.2
HOURS = 10
SIDES = ("short", "long")
WARM_UPS, RUNS = 1, 7  # of each side
LONGEST_SECONDS = 60.0
LOOK_SECONDS = 0.005
SETTINGS = {
    "STT__MODEL": "0.1",  # seconds that the engine takes for a window
    "JOBS__CONCURRENCY": "1",
}


@dataclass(frozen=True, slots=True)
class Run:
    """One transcription up to its first text."""

    name: str
    seconds: float
    text: str


def main() -> None:
    publish(measure)


def measure() -> dict[str, object]:
    runs = on_each_database(1, SETTINGS, _runs)
    texts = {run.text for of_kind in runs.values() for run in of_kind}
    require(len(texts) == 1, "the first segments are not the same")
    return {"short_seconds": TUNE_SECONDS, "long_seconds": HOURS * 3600, **summary(runs)}


def summary(runs: Mapping[Kind, Sequence[Run]]) -> dict[str, Any]:
    """Return the times on every database and the larger ratio."""
    tables = {kind: _table(of_kind) for kind, of_kind in runs.items()}
    ratio = max(float(str(table["ratio"])) for table in tables.values())
    return {**tables, "target": TARGET, "met": ratio <= TARGET, "ratio": ratio}


def _table(runs: Sequence[Run]) -> dict[str, object]:
    seconds = {side: [run.seconds for run in runs if run.name == side][WARM_UPS:] for side in SIDES}
    return {
        **{side: _times(of_side) for side, of_side in seconds.items()},
        "ratio": round(median(seconds["long"]) / median(seconds["short"]), 3),
    }


def _times(seconds: Sequence[float]) -> dict[str, object]:
    return {
        "seconds": [round(each, 3) for each in seconds],
        "median": round(median(seconds), 3),
        "lowest": round(min(seconds), 3),
        "highest": round(max(seconds), 3),
    }


def order() -> list[str]:
    """Return what is transcribed, run by run: short, long, long, short and so on, so that a change meets both sides."""
    return [side for turn in range(WARM_UPS + RUNS) for side in (SIDES if turn % 2 == 0 else reversed(SIDES))]


def _runs(cluster: Cluster) -> list[Run]:
    recordings = _recordings(cluster.folder)
    warm = upload(cluster.client, recordings["warm"])
    found = []
    for turn, name in enumerate(order()):
        progress(f"{name} on {cluster.kind}")
        media = upload(cluster.client, recordings[name])
        _warm_up(cluster, warm, turn)
        found.append(_run(cluster.client, media, name))
    return found


def _recordings(folder: Path) -> dict[str, Path]:
    short = write_tune(folder / "short.aac")
    long = repeat(short, folder / "long.aac", HOURS * 3600 // TUNE_SECONDS)
    return {"short": short, "long": long, "warm": write_pieces(folder / "warm.wav", 1)}


def _warm_up(cluster: Cluster, media: str, turn: int) -> None:
    """Have one engine loaded and idle. Raises InvalidMeasureError."""
    # Words to expect mean nothing to this engine, but with other ones the window has to be heard again.
    completed(cluster.client, media, LONGEST_SECONDS, hotwords=f"turn {turn}")
    require(len(engines_of(cluster.workers[0])) == 1, "the engine is not loaded")


def _run(client: httpx.Client, media: str, name: str) -> Run:
    """Transcribe until the first segment can be read, then take everything away."""
    asked = time.monotonic()
    job = transcribe(client, media)
    text = _first_text(client, media, asked + LONGEST_SECONDS)
    seconds = time.monotonic() - asked
    client.post(f"/api/jobs/{job}/cancel")  # the short one may have ended already
    client.delete(f"/api/media/{media}").raise_for_status()
    return Run(name, seconds, text)


def _first_text(client: httpx.Client, media: str, deadline: float) -> str:
    """Wait for the first segment and return what it says. Raises InvalidMeasureError."""
    while time.monotonic() < deadline:
        answer = client.get(f"/api/media/{media}/transcript")  # 404 until the work begins
        segments = answer.json()["segments"] if answer.is_success else []
        if segments:
            return str(segments[0]["text"])
        time.sleep(LOOK_SECONDS)
    require(False, "there was no text in time")
    raise AssertionError


if __name__ == "__main__":
    main()
