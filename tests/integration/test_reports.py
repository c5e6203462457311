"""The counts of several processes as one whole, on both databases; Reporters stand for the processes."""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from videochat.app import App, open_app
from videochat.ops.history import point_of
from videochat.ops.metrics import Metrics
from videochat.ops.resources import Space
from videochat.settings import Settings
from videochat.store import reporter as module
from videochat.store import reports
from videochat.store.reporter import Reporter
from videochat.store.session import Database
from videochat.web.server import create_api
from waiting import until


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything that takes seconds in life take fractions of them."""
    monkeypatch.setattr(module, "REPORT_SECONDS", 0.05)
    monkeypatch.setattr(module, "POINT_SECONDS", 1)


class Process:
    """A process of an installation that counts requests."""

    def __init__(self, database: Database, folder: Path, role: str) -> None:
        self.metrics = Metrics()
        self.role = role
        self.reporter = Reporter(database, self.metrics, Space(folder, 0))

    async def count(self, requests: int) -> None:
        self.metrics.requests.labels("GET", "/x", "200").inc(requests)

    async def seen(self) -> float:
        """Return how many requests the whole installation had, as this process sees it."""
        return sum(numbers[0] for numbers in (await self.reporter.totals())["videochat_http_requests"].values())


@pytest.fixture
async def processes(database: Database, tmp_path: Path) -> AsyncIterator[list[Process]]:
    """Give three processes that report."""
    made = [Process(database, tmp_path, role) for role in ("web-a", "web-b", "worker")]
    for process in made:
        await process.reporter.start(process.role)
    yield made
    for process in made:
        await process.reporter.close()


async def agreed(processes: list[Process], requests: float) -> None:
    """Wait until every process sees that many requests. Raises TimeoutError."""

    async def all_see() -> bool:
        return {await process.seen() for process in processes} == {requests}

    await until(all_see)


async def test_every_process_sees_the_whole(processes: list[Process]) -> None:
    """Whichever web process is asked, the sum is the same; its own newest requests are in it at once."""
    for n, process in enumerate(processes):
        await process.count(10**n)
    await agreed(processes, 111)
    await processes[0].count(5)
    assert await processes[0].seen() == 116


async def test_counts_outlive_their_process(processes: list[Process]) -> None:
    """Who stops in order leaves its counts behind, once; what it used is no longer shown."""
    for process in processes:
        await process.count(10)
    await agreed(processes, 30)
    await processes[0].reporter.close()
    await processes[0].reporter.close()
    assert await processes[1].seen() == 30
    names = {labels[0] for labels in (await processes[1].reporter.totals())["videochat_process_memory_bytes"]}
    assert not {name for name in names if name.startswith("web-a")}
    assert {report.process.split("@")[0] for report in await processes[1].reporter.processes()} == {"web-b", "worker"}


async def test_a_process_that_was_only_frozen_is_counted_once(
    processes: list[Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken for dead, its counts are kept by the others; when it comes back only what is new is added."""
    for process in processes:
        await process.count(10)
    await agreed(processes, 30)
    monkeypatch.setattr(module, "DEAD", timedelta(seconds=-1))  # everybody but who looks seems dead
    await processes[1].reporter._bury(next(iter(await processes[1].reporter.processes())).at)
    monkeypatch.setattr(module, "DEAD", timedelta(seconds=60))
    assert await processes[0].seen() == 30
    await processes[0].count(1)
    await agreed(processes, 31)


async def test_a_point_is_kept_once_by_all_together(processes: list[Process]) -> None:
    """A second has one point, whoever adds it, and it holds the whole."""
    await processes[2].count(7)
    reporter = processes[0].reporter

    async def told() -> bool:
        return any(point["requests"] == 7 for _, point in await reporter.points(60))

    seconds = await until(told)
    points = await reporter.points(60)
    assert 1 <= len(points) <= seconds + 3
    assert len({at for at, _ in points}) == len(points)
    (machine,) = points[-1][1]["machines"].values()
    assert 0 < machine["memory"] <= 1


async def test_a_day_is_read_as_what_a_chart_can_show(processes: list[Process], database: Database) -> None:
    """Of many points those at even distances are read, and the newest, so that a dashboard costs the same for a day and an hour."""
    await processes[0].reporter.close()
    now = int(time.time()) + 100
    async with database.write() as session:
        for n in range(1000):
            await reports.add_point(session, now - n, {"n": n}, 0)
    found = [at for at, _ in await processes[0].reporter.points(1000, most=100)]
    assert 90 <= len(found) <= 112
    assert found[-1] == now
    assert {later - earlier for earlier, later in pairwise(found[:-1])} == {10}


async def test_the_last_day_is_there_after_a_restart(database_url: str, tmp_path: Path) -> None:
    """Of 23 hours ago the dashboard tells still when all was stopped and opened anew; what is 26 hours old is not kept."""
    settings = Settings(data_dir=tmp_path / "data", database={"url": database_url})
    now = int(time.time()) // 360 * 360  # of a day one moment in six minutes is shown
    kept, old = now - 23 * 3600, now - 26 * 3600
    point = point_of({}, {"waiting": 0, "running": 0, "workers": 0})
    async with open_app(settings) as app:
        async with app.database.write() as session:
            for at, requests in ((old, 0), (kept - 360, 1000), (kept, 1720)):
                await reports.add_point(session, at, {**point, "requests": requests}, 0)
        await app.reporter.start("web")

        async def another() -> bool:
            return any(at >= now for at, _ in await app.reporter.points(3600))

        await until(another)
    async with open_app(settings) as app:
        transport = httpx.ASGITransport(create_api(app))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            summary = (await client.get("/api/ops/metrics/summary", params={"minutes": 1440})).json()
        stored = [at for at, _ in await app.reporter.points(48 * 3600)]
    first, *later = summary["moments"]
    assert (first["at"], first["requests_per_second"]) == (kept, 2.0)
    assert later, "what came after the old ones is not there"
    assert stored[0] == kept - 360


@pytest.fixture
async def app(database_url: str, tmp_path: Path) -> AsyncIterator[App]:
    """Give an App that reports, as `serve` has it."""
    async with open_app(Settings(data_dir=tmp_path / "data", database={"url": database_url})) as opened:
        await opened.reporter.start("web")
        yield opened


async def test_the_api_shows_how_it_is_and_was(app: App) -> None:
    """Processes with what they use, moments with rates, and Prometheus' text with the counts of a dead process."""
    other = Process(app.database, app.settings.data_dir, "worker")
    await other.reporter.start("worker")
    other.metrics.audio_seconds.labels("scripted").inc(60)
    transport = httpx.ASGITransport(create_api(app))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        for method in ("GET", "BREW", "STEEP"):
            await client.request(method, "/api/media")

        async def drawn() -> bool:
            return bool((await client.get("/api/ops/metrics/summary", params={"minutes": 5})).json()["moments"])

        await until(drawn)
        await other.reporter.close()
        resources = (await client.get("/api/ops/resources")).json()
        workers = (await client.get("/api/ops/workers")).json()
        summary = (await client.get("/api/ops/metrics/summary", params={"minutes": 5})).json()
        text = (await client.get("/metrics")).text
    (process,) = resources["processes"]
    assert process["process"].startswith("web@")
    assert process["memory_bytes"] > 1_000_000
    assert process["handles"] > 3
    (network,) = resources["network_bytes_per_second"].values()
    assert network.keys() == {"received", "sent"}
    assert min(network.values()) >= 0
    assert workers == {"items": [], "next": None}
    assert summary["moments"]
    assert summary["moments"][-1]["workers"] == 0
    assert 'videochat_audio_seconds_total{engine="scripted"} 60.0' in text
    assert 'method="other"' in text
    assert "BREW" not in text


async def test_several_machines_on_sqlite_are_noticed(processes: list[Process], database: Database) -> None:
    """Only there, only while both live: not when a container is replaced by one of another name. It is logged."""
    reporter, now, elsewhere = processes[0].reporter, datetime.now(UTC), "web@elsewhere:1"
    await agreed(processes, 0)
    async with database.write() as session:  # the last that was heard of it, before the others began
        await reports.begin(session, elsewhere, now - timedelta(seconds=12), {})
    assert await reporter.strangers() == set()
    with capture_logs() as lines:
        async with database.write() as session:
            await reports.write(session, elsewhere, now + timedelta(seconds=12), {})
        if database.dialect == "sqlite":
            await until(lambda: "database.shared" in [line["event"] for line in lines])
    both = {"elsewhere", socket.gethostname()}
    assert await reporter.strangers() == (both if database.dialect == "sqlite" else set())
