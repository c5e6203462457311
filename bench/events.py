"""Whether anybody who follows jobs and answers misses something when a connection or a web process dies.

    python bench/events.py [--seed N]

Two web processes and two workers on SQLite and, where a server answers (TEST_POSTGRES_URL), on PostgreSQL. Three recordings are
transcribed, answers are written and recordings come in, while clients follow each job, each answer and everything
(`/api/events`). They lose their connections at moments that the seed chooses and go on at the other process, some with
Last-Event-ID, some as a page that was loaded anew and knows nothing. Meanwhile web processes are killed (SIGKILL) and started
again; of the one that writes the answers only once they have ended, because they end with it. Afterwards everything is asked
for once more from its beginning, at both.

The truth is the table of events, read past the service. Each client is to be told every event of its stream once, in order and
unchanged; of the states of a job, which replace each other, only the last must be told. Prints one JSON line with what was
missed, told twice or out of order last. Takes about three minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial, reduce
from operator import add

import httpx

from harness.cluster import Cluster, on_each_database
from harness.databases import connected
from harness.followers import Follower, Told, Verdict, everything, newest, read_truth
from harness.paced import windows_of_ten_seconds
from harness.recordings import second_of_noise, write_pieces
from harness.report import progress, publish, require
from harness.work import completed, transcribe, upload, wait_for_end

WORKERS, AT_A_TIME = 2, 2
JOBS, WINDOWS, WINDOW_SECONDS = 3, 80, 0.6  # that the engine takes
ANSWERS, ASK_SECONDS = 5, 1.5  # how many, and how long after each other
UPLOAD_SECONDS = 0.5  # between two recordings that come in
RESUMING, RELOADING = 2, 2  # clients of each stream
TOPICS = ("job", "media")  # of `/api/events`
LONGEST_SECONDS, SETTLE_SECONDS, QUIET_SECONDS = 240.0, 15.0, 1.0
SETTINGS = {**windows_of_ten_seconds(WINDOW_SECONDS, at_a_time=AT_A_TIME), "AI__PROVIDER": "paced", "AI__MODEL": "0.02"}
WRITER, OTHER = 0, 1  # web processes: answers are asked for at the first
NOTHING = ("missed", "twice", "out_of_order", "altered")


@dataclass(slots=True)
class Audience:
    """Who follows which stream; `all` is everything."""

    servers: Sequence[str]
    chance: random.Random
    followers: dict[str, list[Follower]] = field(default_factory=dict)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def add(self, stream: str, *followers: Follower) -> None:
        self.followers.setdefault(stream, []).extend(followers)
        self.tasks += [asyncio.create_task(follower.follow()) for follower in followers]

    def gather(self, stream: str, path: str) -> None:
        """Let clients follow the stream of a job or an answer from its beginning."""
        self.add(stream, *(self.client(path) for _ in range(RESUMING)))
        self.add(stream, *(self.client(path, reloads=True) for _ in range(RELOADING)))

    def client(self, path: str, **how: object) -> Follower:
        return Follower(path, self.servers, random.Random(self.chance.random()), **how)  # type: ignore[arg-type]

    async def settle(self, truth: Mapping[str, Sequence[Told]]) -> None:
        """Cut nobody off any more and wait until everybody has been told the last event of the stream, or long enough."""
        everyone = [
            (follower, truth[stream][-1].id) for stream, all_of in self.followers.items() for follower in all_of
        ]
        for follower, _ in everyone:
            follower.calm = True
        deadline = time.monotonic() + SETTLE_SECONDS
        for follower, last in everyone:
            await follower.come_to(last, deadline - time.monotonic())
        await asyncio.sleep(QUIET_SECONDS)  # for what might be told once more

    async def leave(self) -> None:
        for task in self.tasks:
            task.cancel()
        for ended in await asyncio.gather(*self.tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended


@dataclass(frozen=True, slots=True)
class Result:
    """What became of all clients on one database."""

    streams: int
    clients: int
    lives: int
    cuts: int
    kills: int
    verdicts: Mapping[str, Verdict]

    def to_json(self) -> dict[str, object]:
        counts = {name: getattr(self, name) for name in ("streams", "clients", "lives", "cuts", "kills")}
        return {**counts, **{topic: asdict(verdict) for topic, verdict in self.verdicts.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    publish(partial(measure, parser.parse_args().seed))


def measure(seed: int) -> dict[str, object]:
    results = on_each_database(WORKERS, SETTINGS, lambda cluster: asyncio.run(_run(cluster, random.Random(seed))))
    tables = {kind: result.to_json() for kind, result in results.items()}
    return {"seed": seed, **tables, **summary(list(results.values()))}


def summary(results: Sequence[Result]) -> dict[str, object]:
    """Return the sums over all databases."""
    whole = asdict(reduce(add, (verdict for result in results for verdict in result.verdicts.values())))
    found = {name: whole[name] for name in NOTHING}
    sums = {name: sum(getattr(result, name) for result in results) for name in ("streams", "cuts", "kills")}
    about = {**sums, "expected": whole["expected"]}
    return {**about, "target": dict.fromkeys(NOTHING, 0), "met": not any(found.values()), **found}


async def _run(cluster: Cluster, chance: random.Random) -> Result:
    cluster.add_web()
    prelude = upload(cluster.client, write_pieces(cluster.folder / "prelude.wav", 2))
    completed(cluster.client, prelude, LONGEST_SECONDS)  # something to answer from
    audience = Audience([web.url for web in cluster.webs], chance)
    with connected(cluster.database_url) as connection:
        now = partial(newest, connection)
        audience.add("all", *(audience.client("/api/events", since=now()) for _ in range(RESUMING)))
        audience.add("all", *(audience.client("/api/events", newest=now, reloads=True) for _ in range(RELOADING)))
        kills = await _happen(cluster, audience, chance)
        truth = _truth(cluster)
        await audience.settle(truth)
        await audience.leave()
    late = await _late(audience, truth)
    return _result(audience, late, truth, kills)


async def _happen(cluster: Cluster, audience: Audience, chance: random.Random) -> int:
    """Let everything happen that there is to follow, with kills, and return how many there were."""
    over = asyncio.Event()
    uploads = asyncio.create_task(_upload_on_and_on(audience.servers, over))
    jobs = []
    for n in range(JOBS):
        recording = write_pieces(cluster.folder / f"{n}.wav", WINDOWS, seed=n + 1)
        jobs.append(transcribe(cluster.client, upload(cluster.client, recording)))
        audience.gather(f"job:{jobs[-1]}", f"/api/jobs/{jobs[-1]}/events")
    asking = asyncio.create_task(_ask(audience))
    kills = [await _kill(cluster, OTHER, chance) for _ in range(2)]
    await asking
    kills += [await _kill(cluster, n, chance) for n in (WRITER, OTHER, WRITER)]
    statuses = [cluster.client.get(f"/api/jobs/{job}").raise_for_status().json()["status"] for job in jobs]
    require("running" in statuses, "the jobs had ended before the last kill")
    for job in jobs:
        ended = await asyncio.to_thread(wait_for_end, cluster.client, job, LONGEST_SECONDS)
        require(ended["status"] == "completed", f"a job is {ended['status']}")
    over.set()
    await uploads
    return len(kills)


async def _upload_on_and_on(servers: Sequence[str], over: asyncio.Event) -> None:
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        for number, server in enumerate(itertools.cycle(servers)):
            if over.is_set():
                return
            query = {"process": "false", "name": f"{number}.wav"}
            # Of one that is being killed meanwhile only the table of events knows whether the recording has come in.
            with contextlib.suppress(httpx.TransportError):
                await client.post(f"{server}/api/media", params=query, content=second_of_noise(number))
            await asyncio.sleep(UPLOAD_SECONDS)


async def _ask(audience: Audience) -> None:
    """Ask one question after the other, and wait until all are answered. Raises InvalidMeasureError."""
    async with httpx.AsyncClient(base_url=audience.servers[WRITER], timeout=30, trust_env=False) as client:
        asked = []
        for n in range(ANSWERS):
            answer = await client.post("/api/answers", json={"question": f"What about number {n}?"})
            asked.append(answer.raise_for_status().json()["id"])
            audience.gather(f"answer:{asked[-1]}", f"/api/answers/{asked[-1]}/events")
            await asyncio.sleep(ASK_SECONDS)
        for answer_id in asked:
            status = "running"
            while status == "running":
                await asyncio.sleep(0.2)
                status = (await client.get(f"/api/answers/{answer_id}")).raise_for_status().json()["status"]
            require(status == "completed", f"an answer is {status}")


async def _kill(cluster: Cluster, n: int, chance: random.Random) -> int:
    """Kill the n-th web process at some moment, start it again and wait until it answers."""
    await asyncio.sleep(chance.uniform(0.5, 3.0))
    progress(f"killing web process {n} on {cluster.kind}")
    await asyncio.to_thread(cluster.replace_web, n)
    await asyncio.to_thread(cluster.wait_for_web, n)
    return n


def _truth(cluster: Cluster) -> dict[str, list[Told]]:
    streams = read_truth(cluster.database_url)
    truth = {**streams, "all": everything(streams, TOPICS)}
    kinds = {event.type for events in truth.values() for event in events}
    require(
        kinds >= {"job", "segments", "end", "media", "text", "citation", "usage", "status"}, f"only {kinds} happened"
    )
    return truth


async def _late(audience: Audience, truth: Mapping[str, Sequence[Told]]) -> Audience:
    """Let somebody who comes when all is over ask each process for every stream from its beginning."""
    late = Audience(audience.servers, audience.chance)
    for stream, (first, *_) in audience.followers.items():
        late.add(stream, *(Follower(first.path, [server], late.chance, since=0) for server in late.servers))
    await late.settle(truth)
    await late.leave()
    return late


def _result(audience: Audience, late: Audience, truth: Mapping[str, Sequence[Told]], kills: int) -> Result:
    everyone = [follower for followers in audience.followers.values() for follower in followers]
    verdicts: dict[str, Verdict] = {}
    for name, crowd in (("", audience), ("late_", late)):
        for stream, followers in crowd.followers.items():
            topic = name + stream.split(":")[0]
            seen = reduce(add, (follower.judged(truth[stream]) for follower in followers))
            verdicts[topic] = verdicts.get(topic, Verdict()) + seen
    return Result(
        streams=len(audience.followers),
        clients=len(everyone),
        lives=sum(len(follower.lives) for follower in everyone),
        cuts=sum(follower.cuts + follower.broken for follower in everyone),
        kills=kills,
        verdicts=verdicts,
    )


if __name__ == "__main__":
    main()
