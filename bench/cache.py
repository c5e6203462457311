"""How many answers the cache has ready while people use a library in which something always changes, and what that saves.

    python bench/cache.py [--seed N]

Two web processes share a library of 40 recordings of fifty minutes. People (`harness/workload.py`) look at the list, search,
open recordings as the page does, export some and rename a few, 40 requests a second, in turn to both processes. The first 1200
fill the cache and are told apart (`cold`). During the next 1800, for about a third of the time, a worker transcribes one more
recording and tells of its progress every second and of new words every four. Nobody sends validators, so that every request for
something that is kept counts as one look. These 1800 are replayed without a cache, too (CACHE__MAX_BYTES=0). On SQLite each
process has its memory; on PostgreSQL, where a server answers (TEST_POSTGRES_URL), they share a Redis too, where there is a
redis-server. After each rename both processes are asked at once whether they know: `stale` says how often one did not. Prints
one JSON line with the lowest hit rate last. Takes about seven minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import subprocess
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from shutil import which

import httpx

from harness.cluster import Cluster, running_cluster
from harness.databases import Kind, available
from harness.paced import windows_of_ten_seconds
from harness.recordings import write_pieces
from harness.report import percentile, progress, publish, require
from harness.service import HOST, free_port
from harness.shelf import vocabulary
from harness.work import items, transcribe, upload, wait_for_end
from harness.workload import CACHES, Step, steps

TARGET = 0.85
RECORDINGS, SEGMENTS, QUERIES = 40, 600, 100
COLD, REQUESTS, RATE, AT_A_TIME = 1200, 1800, 40.0, 16
WINDOWS, WINDOW_SECONDS = 4, 4.0  # of the recording that is transcribed meanwhile
JOB_SECONDS = 60.0  # by then it is
SETTLE_SECONDS, REPORT_SECONDS = 30.0, 7.0  # in which every process has reported what it counted; how often one does
COUNT = re.compile(r'^videochat_cache_(hits|misses)_total\{cache="([^"]+)",level="([^"]+)"\} (\S+)$', re.MULTILINE)
MIDDLE = range(20, 60)  # ranks of words that are searched for: the most frequent are no use
NO_CACHE = {"CACHE__MAX_BYTES": "0"}


@dataclass(slots=True)
class Replay:
    """What was answered: milliseconds of each kind of request, looks that the cache must have counted, stale answers."""

    ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    looks: int = 0
    stale: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """What the cache counted, by its own metrics of all processes: hits by level, and looks, of each kept thing."""

    hits: Counter[tuple[str, str]] = field(default_factory=Counter)
    looks: Counter[str] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        return self.hits.total() / self.looks.total()

    def __sub__(self, before: Counts) -> Counts:
        return Counts(self.hits - before.hits, self.looks - before.looks)

    def to_json(self) -> dict[str, object]:
        by_level: Counter[str] = Counter()
        by_cache: Counter[str] = Counter()
        for (cache, level), number in self.hits.items():
            by_level[level] += number
            by_cache[cache] += number
        rates = {cache: round(by_cache[cache] / number, 3) for cache, number in sorted(self.looks.items())}
        return {"looks": self.looks.total(), "hits": dict(by_level), "rates": rates}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    publish(partial(measure, parser.parse_args().seed))


def measure(seed: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as name:
        tables = {kind: _on(kind, Path(name), seed) for kind in available()}
    return {"requests": [COLD, REQUESTS], "rate": RATE, "seed": seed, **tables, **summary(tables)}


def summary(tables: Mapping[Kind, Mapping[str, object]]) -> dict[str, object]:
    """Return the worst over all databases."""
    rate = min(float(str(table["hit_rate"])) for table in tables.values())
    stale = sum(int(str(table["stale"])) for table in tables.values())
    return {"target": TARGET, "met": rate >= TARGET and stale == 0, "stale": stale, "hit_rate": rate}


def _on(kind: Kind, folder: Path, seed: int) -> dict[str, object]:
    shared = kind == "postgresql" and which("redis-server") is not None
    with _redis(folder, wanted=shared) as settings, _library(kind, folder / kind, settings) as (cluster, media):
        cold = _measured(cluster, media, steps(seed + 1, RECORDINGS, QUERIES, COLD))[1]
        replay, counts = _beside_a_job(cluster, media, seed)
    with _library(kind, folder / f"{kind}-without", NO_CACHE) as (cluster, media):
        plain, _ = _beside_a_job(cluster, media, seed)
    return {
        "levels": ["memory", *(["redis"] if shared else [])],
        "cold": {**cold.to_json(), "hit_rate": round(cold.rate, 4)},
        **counts.to_json(),
        "ms": _times(replay),
        "ms_without": _times(plain),
        "stale": replay.stale,
        "hit_rate": round(counts.rate, 4),
    }


@contextmanager
def _redis(folder: Path, *, wanted: bool) -> Iterator[dict[str, str]]:
    """Run a Redis that keeps nothing, if it is wanted, and give the setting that names it."""
    if not wanted:
        yield {}
        return
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", HOST, "--save", "", "--dir", str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield {"CACHE__URL": f"redis://{HOST}:{port}/0"}
    finally:
        server.terminate()
        server.wait()


@contextmanager
def _library(kind: Kind, folder: Path, settings: Mapping[str, str]) -> Iterator[tuple[Cluster, list[str]]]:
    """Run two web processes and a worker on a library, and give the ids of its recordings."""
    engine = windows_of_ten_seconds(WINDOW_SECONDS, at_a_time=1)
    with running_cluster(kind, folder, 0, {**engine, **settings}) as cluster:
        cluster.add_web()
        progress(f"filling a library on {kind}")
        cluster.run_script("shelf.py", str(RECORDINGS), str(SEGMENTS))
        media = [one["id"] for one in items(cluster.client, "/api/media")]
        require(len(media) == RECORDINGS, f"there are {len(media)} recordings instead of {RECORDINGS}")
        cluster.have_workers(1)
        yield cluster, media


def _beside_a_job(cluster: Cluster, media: Sequence[str], seed: int) -> tuple[Replay, Counts]:
    """Replay the requests while a recording is transcribed in the first part of the time."""
    recording = write_pieces(cluster.folder / "long.wav", WINDOWS)
    job = transcribe(cluster.client, upload(cluster.client, recording))
    measured = _measured(cluster, media, steps(seed, RECORDINGS, QUERIES, REQUESTS))
    state = wait_for_end(cluster.client, job, JOB_SECONDS)
    require(state["status"] == "completed", f"the transcription is {state['status']}")
    return measured


def _measured(cluster: Cluster, media: Sequence[str], wanted: Sequence[Step]) -> tuple[Replay, Counts]:
    progress(f"replaying {len(wanted)} requests on {cluster.kind}")
    before = _settled(cluster)
    replay = asyncio.run(_replay(cluster, media, wanted))
    counted = _settled(cluster, before.looks.total() + replay.looks) - before
    return replay, counted


async def _replay(cluster: Cluster, media: Sequence[str], wanted: Sequence[Step]) -> Replay:
    words = vocabulary()
    queries = [f"{words[n % len(MIDDLE) + MIDDLE.start]}+{words[n]}" for n in range(QUERIES)]
    found = Replay()
    room = asyncio.Semaphore(AT_A_TIME)
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client, asyncio.TaskGroup() as group:
        began = time.perf_counter()
        for n, step in enumerate(wanted):
            await asyncio.sleep(max(0.0, began + n / RATE - time.perf_counter()))
            await room.acquire()
            servers = [web.url for web in (cluster.webs if n % 2 else cluster.webs[::-1])]
            task = group.create_task(_ask(client, servers, step, step.path(media, queries), found))
            task.add_done_callback(lambda _: room.release())
    return found


async def _ask(client: httpx.AsyncClient, servers: Sequence[str], step: Step, path: str, found: Replay) -> None:
    if step.kind == "rename":
        await _rename(client, servers, path, found)
        return
    began = time.perf_counter()
    answer = await client.get(servers[0] + path)
    found.ms[step.kind].append((time.perf_counter() - began) * 1000)
    require(answer.status_code == 200, f"{path} was answered with {answer.status_code}")
    found.looks += step.kind in CACHES


async def _rename(client: httpx.AsyncClient, servers: Sequence[str], path: str, found: Replay) -> None:
    """Rename at one process and see that neither gives the old list any more; another rename may have come in between."""
    name = f"renamed at {time.perf_counter()}"
    (await client.patch(servers[0] + path, json={"name": name})).raise_for_status()
    for server in servers:
        listed = (await client.get(f"{server}/api/media")).raise_for_status().json()["items"]
        mine = next(one["name"] for one in listed if path.endswith(one["id"]))
        found.stale += mine < name
        found.looks += 1


def _settled(cluster: Cluster, looks: int | None = None) -> Counts:
    """Return what was counted, once that is so many looks (None: once it stands still). Raises InvalidMeasureError."""
    deadline = time.monotonic() + SETTLE_SECONDS
    before, counted = None, _counts(cluster)
    while counted.looks.total() != (before if looks is None else looks):
        require(time.monotonic() < deadline, f"the cache counted {counted.looks.total()} looks instead of {looks}")
        before = counted.looks.total()
        time.sleep(REPORT_SECONDS if looks is None else 0.5)
        counted = _counts(cluster)
    return counted


def _counts(cluster: Cluster) -> Counts:
    found = Counts()
    for what, cache, level, number in COUNT.findall(cluster.client.get("/metrics").raise_for_status().text):
        if what == "hits":
            found.hits[cache, level] += int(float(number))
        if level == "memory":
            found.looks[cache] += int(float(number))
    return found


def _times(replay: Replay) -> dict[str, dict[str, float]]:
    return {
        kind: {"p50": round(percentile(ms, 0.5), 1), "p95": round(percentile(ms, 0.95), 1)}
        for kind, ms in sorted(replay.ms.items())
    }


if __name__ == "__main__":
    main()
