"""How long a speech engine goes on after somebody cancelled or paused its job.

    python bench/cancel.py

One worker listens to two windows of a recording at a time, on SQLite and, where a server answers (TEST_POSTGRES_URL), on
PostgreSQL. The engine takes half a minute for each, so that none ends by itself. As soon as both are being listened to, the
job is cancelled or paused over HTTP, in turn. The time counts from before the request is sent until it is answered and every
engine's process is gone and reaped. `went_on` are engines that are there when all should be quiet, windows that were heard to
their end all the same and windows that were begun afterwards; with one of these the target is missed, and the database is not
measured on. Prints one JSON line with the worst of all times last. Takes about a minute.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import psutil

from harness.cluster import Cluster, engines_of, on_each_database
from harness.databases import Kind
from harness.paced import PacedLog, busy, windows_of_ten_seconds
from harness.recordings import write_pieces
from harness.report import progress, publish, require
from harness.work import transcribe, upload

TARGET_SECONDS = 1.0
ACTIONS = {"cancel": "cancelled", "pause": "paused"}  # and the status that it must lead to
REPETITIONS = 5
AT_A_TIME, WINDOWS = 2, 4
WINDOW_SECONDS = 30.0  # that the engine takes
BEGIN_SECONDS, LONGEST_SECONDS = 30.0, 20.0  # until the windows begin; until an engine must be gone
QUIET_SECONDS = 0.5  # in which no other engine may come back
SETTINGS = windows_of_ten_seconds(WINDOW_SECONDS, at_a_time=AT_A_TIME)


@dataclass(frozen=True, slots=True)
class Stop:
    """One cancel or pause: when it was answered and when the last engine was gone, in seconds after it was sent.

    `went_on` counts what did not stop or began again.
    """

    kind: Kind
    action: str
    answered: float
    gone: float
    went_on: int = 0


def main() -> None:
    publish(measure)


def measure() -> dict[str, object]:
    stops = [stop for of_kind in on_each_database(1, SETTINGS, _stops).values() for stop in of_kind]
    return {"window_seconds": WINDOW_SECONDS, "engines": AT_A_TIME, **summary(stops)}


def summary(stops: Sequence[Stop]) -> dict[str, object]:
    """Return the times of every kind of stop, and the worst of all."""
    groups: dict[tuple[Kind, str], list[Stop]] = {}
    for stop in stops:
        groups.setdefault((stop.kind, stop.action), []).append(stop)
    worst, went_on = max(stop.gone for stop in stops), sum(stop.went_on for stop in stops)
    return {
        **{f"{kind}_{action}": _times(group) for (kind, action), group in groups.items()},
        "target_seconds": TARGET_SECONDS,
        "met": worst <= TARGET_SECONDS and not went_on,
        "went_on": went_on,
        "worst_seconds": round(worst, 3),
    }


def _times(stops: Sequence[Stop]) -> dict[str, object]:
    gone = [stop.gone for stop in stops]
    return {
        "repetitions": len(stops),
        "answered_worst_seconds": round(max(stop.answered for stop in stops), 3),
        "gone_median_seconds": round(median(gone), 3),
        "gone_worst_seconds": round(max(gone), 3),
    }


def _stops(cluster: Cluster) -> list[Stop]:
    media = upload(cluster.client, write_pieces(cluster.folder / "long.wav", WINDOWS))
    found: list[Stop] = []
    for turn in range(REPETITIONS):
        for action in ACTIONS:
            progress(f"{action} {turn + 1} on {cluster.kind}")
            found.append(_stop(cluster, media, action))
            if found[-1].went_on:
                return found  # what goes on would take the next one's room
    return found


def _stop(cluster: Cluster, media: str, action: str) -> Stop:
    """Begin a job, stop it while its engines listen, and wait until they are gone. Raises InvalidMeasureError."""
    log, client = cluster.log.from_now(), cluster.client
    job = transcribe(client, media)
    require(log.wait(lambda heard: len(busy(heard)) == AT_A_TIME, BEGIN_SECONDS), "the windows did not begin")
    engines = [psutil.Process(listening.pid) for listening in busy(log.listenings())]
    sent = time.monotonic()
    answer = client.post(f"/api/jobs/{job}/{action}").raise_for_status().json()
    answered = time.monotonic() - sent
    require(answer["status"] == ACTIONS[action], f"after {action} the job is {answer['status']}")
    gone = _wait_until_gone(engines) - sent
    stop = Stop(cluster.kind, action, answered, gone, _still_going_on(cluster, log))
    if action == "pause":
        client.post(f"/api/jobs/{job}/cancel").raise_for_status()
    return stop


def _wait_until_gone(engines: Sequence[psutil.Process]) -> float:
    """Return when the last of the processes was gone, by `time.monotonic()`; those that stay are counted as long as it lasts."""
    psutil.wait_procs(engines, timeout=LONGEST_SECONDS)
    return time.monotonic()


def _still_going_on(cluster: Cluster, log: PacedLog) -> int:
    """Return how many engines there are, and windows that were heard to their end or begun when all should be quiet."""
    time.sleep(QUIET_SECONDS)
    heard = log.listenings()
    heard_out = sum(listening.ended is not None for listening in heard)
    return len(engines_of(cluster.workers[0])) + heard_out + len(heard) - AT_A_TIME


if __name__ == "__main__":
    main()
