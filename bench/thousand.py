"""A thousand queued recordings and workers that are killed again and again: none is lost, stuck or heard twice.

    python bench/thousand.py [--jobs N] [--kills N] [--seed N]

A thousand recordings of a second, no two alike, wait in the queue of PostgreSQL (of SQLite where no server answers) before
three workers begin. At moments that the seed chooses, one that it chooses too is killed (SIGKILL) and replaced. In the end
every recording must have the text that its samples give. `lost` are jobs that ended otherwise or with another text, `stuck`
those that did not end and tasks that are left, `twice` windows that were heard again although no kill can have interrupted
them. Prints one JSON line with these last. Takes about six minutes on two busy cores.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from harness.cluster import Cluster, engines_of, running_cluster
from harness.databases import available, count_rows
from harness.paced import Listening, repetitions, segments_of
from harness.recordings import noise
from harness.report import progress, publish, require
from harness.work import items, texts_of

WORKERS, AT_A_TIME = 3, 2
WINDOW_SECONDS = 0.01  # that the engine takes
EARLIEST, LATEST = 0.05, 0.95  # of the windows, for kills
QUIET_SECONDS = 30.0  # without a window heard: what has not ended by then is stuck
SETTINGS = {"STT__MODEL": str(WINDOW_SECONDS), "JOBS__CONCURRENCY": str(AT_A_TIME)}


@dataclass(frozen=True, slots=True)
class Kill:
    """The death of a worker: when, by `time.monotonic()`, and the process ids of its engines."""

    when: float
    engines: frozenset[int]

    def interrupted(self, before: Listening) -> bool:
        """Say whether this listening may have been cut off, or its result not been stored."""
        return before.pid in self.engines and before.began <= self.when


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    publish(partial(measure, given.jobs, given.kills, given.seed))


def measure(jobs: int, kills: int, seed: int) -> dict[str, object]:
    kind = available()[-1]
    with tempfile.TemporaryDirectory() as name, running_cluster(kind, Path(name) / kind, 0, SETTINGS) as cluster:
        progress(f"queueing {jobs} recordings")
        cluster.run_script("fill.py", str(jobs))
        queued = len(items(cluster.client, "/api/jobs", status="queued"))
        require(queued == jobs, f"{queued} jobs were queued instead of {jobs}")
        started = time.monotonic()
        struck = _work(cluster, plan(jobs, kills, seed))
        seconds = time.monotonic() - started
        about = {"database": kind, "jobs": jobs, "workers": WORKERS, "seed": seed}
        speed = {"seconds": round(seconds, 1), "jobs_per_second": round(jobs / seconds, 2)}
        return {**about, **speed, **_verdict(cluster, jobs, struck)}


def plan(jobs: int, kills: int, seed: int) -> list[tuple[int, int]]:
    """Return after how many windows a worker is killed, and which."""
    chance = random.Random(seed)
    moments = sorted(chance.sample(range(int(EARLIEST * jobs), int(LATEST * jobs)), kills))
    return [(moment, chance.randrange(WORKERS)) for moment in moments]


def _work(cluster: Cluster, plan: Sequence[tuple[int, int]]) -> list[Kill]:
    """Let the workers work, kill and replace some as planned, and return when all jobs have ended or nothing moves."""
    struck = []
    for _ in range(WORKERS):
        cluster.add_worker()
    for moment, victim in plan:
        progress(f"killing worker {victim} after {moment} windows")
        require(cluster.log.wait_for(moment, QUIET_SECONDS), "nothing moves any more, before the last kill")
        worker = cluster.workers[victim]
        engines = frozenset(engines_of(worker))
        struck.append(Kill(cluster.kill_worker(worker), engines))
        cluster.add_worker()
    progress("waiting for the rest")
    _wait_for_the_rest(cluster.client)
    return struck


def _wait_for_the_rest(client: httpx.Client) -> None:
    """Wait until no job is live, or none more has ended for so long."""
    fewest, since = _live(client), time.monotonic()
    while fewest and time.monotonic() < since + QUIET_SECONDS:
        time.sleep(1)
        if (now := _live(client)) < fewest:
            fewest, since = now, time.monotonic()


def _live(client: httpx.Client) -> int:
    return sum(len(items(client, "/api/jobs", status=status)) for status in ("queued", "running"))


def _verdict(cluster: Cluster, jobs: int, struck: Sequence[Kill]) -> dict[str, object]:
    statuses = [job["status"] for job in items(cluster.client, "/api/jobs")]
    right = sum(text == _expected(name) for name, text in texts_of(cluster.client))
    heard = cluster.log.listenings()
    again = [before for before, _ in repetitions(heard)]
    interrupted = excused(again, struck)
    unended = statuses.count("queued") + statuses.count("running")
    found = {
        "lost": jobs - unended - min(right, statuses.count("completed")),
        "stuck": unended + count_rows(cluster.database_url, "tasks"),
        "twice": len(again) - interrupted,
    }
    about = {"kills": len(struck), "windows_heard": len(heard), "interrupted_by_kills": interrupted}
    return {**about, "target": dict.fromkeys(found, 0), "met": not any(found.values()), **found}


def excused(heard_before: Sequence[Listening], struck: Sequence[Kill]) -> int:
    """Return how many repetitions kills explain: for each no more than its worker can have been at."""
    return sum(min(AT_A_TIME, sum(kill.interrupted(before) for before in heard_before)) for kill in struck)


def _expected(name: str) -> str:
    """Return the text of the recording of this name."""
    return " ".join(segment.text for segment in segments_of(noise(int(name.removesuffix(".wav")))))


if __name__ == "__main__":
    main()
