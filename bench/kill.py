"""What a kill in the middle of a long transcription costs: windows that are heard again, and time.

    python bench/kill.py

Two workers share one recording, two windows each at a time. When 25, 50, 75 and 95 % of the windows are heard, one of these is
killed (SIGKILL): a worker, the web process (which is started again), one speech engine; on PostgreSQL every connection to the
database is ended, as by a restart of the server. At 50 % also: a worker is frozen, so that it can only be missed by its
silence, like one on another machine; everything is killed, as by a power cut, and started again; PostgreSQL refuses
connections for three seconds.

A killed worker is replaced only after the job, so that `takeover_seconds`, from the kill until the last of the interrupted
windows is begun again, is the other worker's; `recovery_seconds` is the same for everything that is killed. `in_flight` is how many windows the victim can have been at; only they may be
heard again, and the text must be that of a run that nobody disturbed. Prints one JSON line with the worst of all last. Takes
about five minutes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness import victims
from harness.cluster import Cluster, on_each_database
from harness.databases import Kind
from harness.paced import Listening, repetitions, windows_of_ten_seconds
from harness.recordings import write_pieces
from harness.report import progress, publish, require
from harness.victims import Strike, Victim
from harness.work import Segments, completed, seconds_of, segments_of, transcribe, upload, wait_for_end

WORKERS, AT_A_TIME = 2, 2
WINDOWS = 48
WINDOW_SECONDS = 0.3  # that the engine takes
TAKEOVER_SECONDS = 10.0
SHARES = (0.25, 0.5, 0.75, 0.95)
LONGEST_SECONDS = 60.0
SETTINGS = windows_of_ten_seconds(WINDOW_SECONDS, at_a_time=AT_A_TIME)


@dataclass(frozen=True, slots=True)
class Cell:
    """What one kill did to one job; times in seconds, `delay` against the undisturbed run."""

    status: str
    in_flight: int
    repeated: int
    takeover: float | None
    heirs: bool
    delay: float | None
    identical: bool

    @property
    def beyond(self) -> int:
        """How many more windows were heard again than were in flight."""
        return max(0, self.repeated - self.in_flight)

    def to_json(self) -> dict[str, object]:
        return {
            "status": self.status,
            "in_flight": self.in_flight,
            "repeated": self.repeated,
            "takeover_seconds": self.takeover and round(self.takeover, 2),
            "delay_seconds": self.delay and round(self.delay, 2),
            "identical": self.identical,
        }


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """The run that all others must equal."""

    media: str
    seconds: float
    segments: Segments


def main() -> None:
    publish(measure)


def measure() -> dict[str, object]:
    cells = on_each_database(WORKERS, SETTINGS, _cells)
    about = {"windows": WINDOWS, "window_seconds": WINDOW_SECONDS}
    flat = [cell for of_kind in cells.values() for cell in of_kind.values()]
    tables = {kind: {name: cell.to_json() for name, cell in of_kind.items()} for kind, of_kind in cells.items()}
    return {**about, **tables, **worst(flat)}


def worst(cells: Sequence[Cell]) -> dict[str, object]:
    """Return the worst that happened in any cell, and whether that is good enough."""
    beyond, ended = max(cell.beyond for cell in cells), all(cell.status == "completed" for cell in cells)
    identical = all(cell.identical for cell in cells)
    takeover = max((cell.takeover or 0.0 for cell in cells if cell.heirs), default=0.0)
    target = {"completed": True, "identical": True, "repeated_beyond_flight": 0, "takeover_seconds": TAKEOVER_SECONDS}
    return {
        "cells": len(cells),
        "target": target,
        "met": ended and identical and beyond == 0 and takeover <= TAKEOVER_SECONDS,
        "recovery_seconds": round(max(cell.takeover or 0.0 for cell in cells), 2),
        "takeover_seconds": round(takeover, 2),
        "delay_seconds": round(max(cell.delay or 0.0 for cell in cells), 2),
        "repeated": max(cell.repeated for cell in cells),
        "completed": ended,
        "identical": identical,
        "repeated_beyond_flight": beyond,
    }


def _cells(cluster: Cluster) -> dict[str, Cell]:
    progress(f"an undisturbed run on {cluster.kind}")
    undisturbed = _undisturbed(cluster)
    cells = {}
    for victim, share in _plan(cluster.kind):
        name = f"{victim.__name__} at {share:.0%}"
        progress(f"{name} on {cluster.kind}")
        cells[name] = _cell(cluster, undisturbed, share, victim)
    return cells


def _plan(kind: Kind) -> Iterator[tuple[Victim, float]]:
    """Yield what is killed, and at which share of the windows."""
    repeatedly = [victims.worker, victims.web, victims.engine]
    once = [victims.frozen, victims.everything]
    if kind == "postgresql":
        repeatedly.append(victims.database)
        once.append(victims.outage)
    yield from ((victim, share) for victim in repeatedly for share in SHARES)
    yield from ((victim, 0.5) for victim in once)


def _undisturbed(cluster: Cluster) -> Undisturbed:
    """Transcribe twice, the second time as every cell will: decoded before, with the engines loaded."""
    media = upload(cluster.client, write_pieces(cluster.folder / "long.wav", WINDOWS))
    for choices in ({}, {"hotwords": "undisturbed"}):
        log = cluster.log.from_now()
        job = completed(cluster.client, media, LONGEST_SECONDS, **choices)
        heard = len(log.listenings())
        require(heard == WINDOWS, f"{heard} windows were heard instead of {WINDOWS} by the undisturbed transcription")
    return Undisturbed(media, seconds_of(job), segments_of(cluster.client, media))


def _cell(cluster: Cluster, undisturbed: Undisturbed, share: float, victim: Victim) -> Cell:
    log, client = cluster.log.from_now(), cluster.client
    # Words to expect mean nothing to this engine, but with other ones no window counts as heard before.
    job_id = transcribe(client, undisturbed.media, hotwords=f"{victim.__name__} {share}")
    require(log.wait_for(math.ceil(share * WINDOWS), LONGEST_SECONDS), "the transcription did not get so far")
    strike = victim(cluster, log)
    job = wait_for_end(client, job_id, LONGEST_SECONDS)
    cluster.thaw()
    cluster.have_workers(WORKERS)
    return judge(job, strike, log.listenings(), undisturbed, segments_of(client, undisturbed.media))


def judge(
    job: Mapping[str, str], strike: Strike, heard: Sequence[Listening], undisturbed: Undisturbed, segments: Segments
) -> Cell:
    """Compare what was heard and said after the strike with what an undisturbed run heard and said."""
    again = [repeated for _, repeated in repetitions(heard)]
    return Cell(
        status=job["status"],
        in_flight=strike.in_flight,
        repeated=len(again),
        takeover=max((repeated.began - strike.when for repeated in again), default=None),
        heirs=strike.heirs,
        delay=seconds_of(job) - undisturbed.seconds if job["status"] == "completed" else None,
        identical=segments == undisturbed.segments,
    )


if __name__ == "__main__":
    main()
