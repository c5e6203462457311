"""Whether anything grows while people come and go: memory, handles, tasks, children or files.

    python bench/soak.py [--minutes N]

Two web processes and two workers on PostgreSQL (on SQLite where no server answers), with accounts. Eight people, sent by Locust,
sign in again and again, at both web processes in turn; each visit has a stream of all events open, uploads a recording that nobody has sent
before, follows its transcription, reads, searches and asks, follows the answer, deletes everything and signs out. Twice a
minute all have left for a moment, and each process is looked at, at rest: its resident memory, its open handles, its coroutines
(as /api/ops/resources says) and its children; and the files in DATA_DIR but for the log, which has a bound of its own. The first
fifth warms up. Of the rest the slope (Theil and Sen: the median of the slopes of all pairs, which single peaks do not move) is
carried to the whole run: `growth`, which must stay within the bound of its kind. There must be no error, and in the end no job,
no recording, and no process that outlives those that started it. Prints one JSON line with the errors, what is left and the
worst growths last. Takes ten minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx
import numpy as np
import psutil

from harness.cluster import Cluster, running_cluster
from harness.databases import available, count_rows
from harness.report import progress, publish, require
from harness.service import Process, local_client
from harness.visitors import PASSWORD, Visitors
from videochat.app import open_app
from videochat.settings import Settings

WORKERS, AT_A_TIME = 2, 1
PEOPLE, EVERY_SECONDS = 8, 4.0
ROUND_SECONDS, REST_SECONDS, WARM_SHARE = 20.0, 8.0, 0.2  # processes report on themselves every five seconds
SETTLE_SECONDS, STOP_SECONDS = 30.0, 20.0
MIB = 1024**2
# Growth over the whole run that a kind may seem to have: a megabyte a minute would fill a machine in a week.
BOUNDS = {"memory_bytes": 8 * MIB, "handles": 3.0, "tasks": 3.0, "children": 1.0, "files": 3.0}
OFTEN = "1000000/second"
SETTINGS = {
    "STT__MODEL": "0.1",  # seconds that the engine takes for a window
    "JOBS__CONCURRENCY": str(AT_A_TIME),
    "AI__PROVIDER": "paced",
    "AI__MODEL": "0.005",
    "AUTH__MODE": "users",
    "CACHE__MAX_BYTES": str(MIB),  # full before the measuring begins: what it holds is wanted and bounded
    "LOG__LEVEL": "WARNING",
    **{f"LIMITS__{name}": OFTEN for name in ("READ", "WRITE", "ASK", "UPLOAD", "ENTER")},
}

Moment = tuple[float, float]  # seconds and value


@dataclass(slots=True)
class Series:
    """What was seen of each thing, by names such as `web 1 memory_bytes`, while the run went on."""

    seen: dict[str, list[Moment]] = field(default_factory=lambda: defaultdict(list))

    def add(self, at: float, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self.seen[name].append((at, value))

    def growths(self, seconds: float) -> dict[str, float]:
        """Return how much each would grow in a whole run."""
        return {name: growth(moments, seconds) for name, moments in self.seen.items()}


def growth(moments: Sequence[Moment], seconds: float) -> float:
    """Return the slope after the warming up, carried to so many seconds. Raises InvalidMeasureError for too few moments."""
    at, values = np.array([moment for moment in moments if moment[0] >= WARM_SHARE * seconds]).T
    require(at.size >= 10, "too few looks were taken to tell a slope")
    earlier, later = np.triu_indices(at.size, k=1)
    return float(np.median((values[later] - values[earlier]) / (at[later] - at[earlier]))) * seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    publish(partial(measure, parser.parse_args().minutes))


def measure(minutes: float) -> dict[str, object]:
    kind, seconds = available()[-1], minutes * 60
    with tempfile.TemporaryDirectory() as name, running_cluster(kind, Path(name) / kind, WORKERS, SETTINGS) as cluster:
        cluster.add_web()
        visitors = Visitors([web.url for web in cluster.webs], "ann")
        key = asyncio.run(_administrator(cluster, visitors.user))
        series = _watched(cluster, key, visitors, seconds)
        left = _left(cluster, key) | {"processes": _strays(cluster)}
    about = {"database": kind, "minutes": minutes, "visits": visitors.begun, "requests": visitors.requests.total()}
    return {**about, "looks": max(map(len, series.seen.values())), **summary(series, seconds, visitors.errors, left)}


def summary(series: Series, seconds: float, errors: Mapping[str, int], left: Mapping[str, int]) -> dict[str, object]:
    """Return how everything grew, the worst of each kind, and whether that, the errors and what is left are good enough."""
    growths = series.growths(seconds)
    worst = {kind: max(value for name, value in growths.items() if name.endswith(kind)) for kind in BOUNDS}
    flat = all(value <= BOUNDS[kind] for kind, value in worst.items())
    ends = {name: moments[-1][1] for name, moments in series.seen.items()}
    return {
        "growths": {name: [round(ends[name]), round(value, 1)] for name, value in sorted(growths.items())},
        "bounds": BOUNDS,
        "met": flat and not errors and not any(left.values()),
        "errors": dict(errors),
        "left": dict(left),
        "growth": {kind: round(value, 1) for kind, value in worst.items()},
    }


async def _administrator(cluster: Cluster, name: str) -> str:
    """Make the account with which all come, and return a key with which the service is looked at."""
    settings = Settings(
        data_dir=cluster.folder / "data", database={"url": cluster.database_url}, auth={"mode": "users"}
    )  # fmt: skip
    async with open_app(settings) as app:
        user = await app.access.add_user(name, "admin", PASSWORD)
        key, _ = await app.access.add_key(user.id, "soak", ["read", "operate"], None)
        return key.text


def _watched(cluster: Cluster, key: str, visitors: Visitors, seconds: float) -> Series:
    """Let people come and go, and look at all processes each time that they have gone."""
    series, began = Series(), time.monotonic()
    with _looker(cluster, key) as client:
        while (at := time.monotonic() - began) < seconds:
            progress(f"people come and go, {at:.0f} of {seconds:.0f} seconds")
            visitors.come(PEOPLE, EVERY_SECONDS, ROUND_SECONDS)
            time.sleep(REST_SECONDS)
            series.add(time.monotonic() - began, _look(cluster, client))
    return series


def _looker(cluster: Cluster, key: str) -> httpx.Client:
    client = local_client(cluster.web)
    client.headers["Authorization"] = f"Bearer {key}"
    return client


def _look(cluster: Cluster, client: httpx.Client) -> dict[str, float]:
    found: dict[str, float] = {"files": _files(cluster.folder / "data")}
    reported = client.get("/api/ops/resources").raise_for_status().json()["processes"]
    tasks = {int(one["process"].rpartition(":")[2]): one["tasks"] for one in reported}
    for name, process in _processes(cluster).items():
        seen = psutil.Process(process.pid)
        found[f"{name} memory_bytes"] = seen.memory_info().rss
        found[f"{name} handles"] = seen.num_fds()
        found[f"{name} children"] = len(seen.children(recursive=True))
        found[f"{name} tasks"] = tasks[process.pid]
    return found


def _files(data: Path) -> int:
    """Return how many files there are but for the log; some come and go meanwhile."""
    folders = [folder for folder in data.iterdir() if folder.is_dir() and folder.name != "logs"]
    return sum(len(files) for folder in folders for _, _, files in os.walk(folder))


def _processes(cluster: Cluster) -> dict[str, Process]:
    webs = {f"web {n}": web.process for n, web in enumerate(cluster.webs, 1)}
    return webs | {f"worker {n}": worker for n, worker in enumerate(cluster.workers, 1)}


def _left(cluster: Cluster, key: str) -> dict[str, int]:
    """Return what is left of the work, as soon as it is nothing or after a while."""
    deadline = time.monotonic() + SETTLE_SECONDS
    with _looker(cluster, key) as client:
        while any((left := _rows(cluster, client)).values()) and time.monotonic() < deadline:
            time.sleep(0.5)
    return left


def _rows(cluster: Cluster, client: httpx.Client) -> dict[str, int]:
    media = client.get("/api/media").raise_for_status().json()["items"]
    tables = ("jobs", "tasks", "segments", "passages", "answers", "sessions")
    return {"recordings": len(media), **{name: count_rows(cluster.database_url, name) for name in tables}}


def _strays(cluster: Cluster) -> int:
    """Ask all processes to end, and return how many of them and of their descendants do not."""
    processes = [psutil.Process(process.pid) for process in _processes(cluster).values()]
    all_of_them = [*processes, *(child for process in processes for child in process.children(recursive=True))]
    for process in _processes(cluster).values():
        process.terminate()
    for process in _processes(cluster).values():
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
    _, alive = psutil.wait_procs(all_of_them, STOP_SECONDS)
    return len(alive)


if __name__ == "__main__":
    main()
