"""Messages about alerts, on both databases: who is told what, once, by whichever process judges, also after one died."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from receiver import Receiver, receiver
from videochat.app import App, open_app
from videochat.ops import notices
from videochat.ops.actor import LOCAL
from videochat.settings import Settings
from videochat.store import outbox, reporter
from videochat.web.server import create_api
from waiting import until

QUIET = {"requests": 0, "errors": 0, "latency": [0.0] * 15, "waiting": 0, "jobs": {}, "answers": {}, "machines": {}}
RULES = """
[[rule]]
name = "NoWorker"
expression = "last(workers) < 1"
severity = "critical"
message = "Nobody works."

[[rule]]
name = "Streams"
expression = "last(streams) > 0"
notify = ["night"]

[[rule]]
name = "Nobodys"
expression = "last(streams) > 0"
notify = []
"""


def points(workers: int = 1, streams: int = 0) -> list[tuple[int, dict[str, Any]]]:
    return [(60, {**QUIET, "workers": workers, "streams": streams})]


class Installation:
    """Judges as its processes would, in any of which an App is open."""

    def __init__(self, settings: Settings, hooks: list[Receiver]) -> None:
        self.settings = settings
        self.hooks = hooks
        self.now = datetime.now(UTC)

    async def judge(self, app: App, *, minutes: float = 0.25, **point: int) -> None:
        self.now += timedelta(minutes=minutes)
        app.messenger._clock = lambda: self.now  # type: ignore[assignment]
        await app.alarms.judge(points(**point), self.now)
        await until(lambda: not app.messenger._sending)

    def titles(self, hook: int = 0) -> list[str]:
        return [one.json["title"] for one in self.hooks[hook].received]


@pytest.fixture
async def installation(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Installation]:
    """Give an installation with two destinations, the second tagged `night`; tries follow each other at once."""
    monkeypatch.setattr(notices, "PAUSES", (0, 0))
    monkeypatch.setattr(notices.deliver, "__defaults__", ((0, 0),))
    (tmp_path / "rules.toml").write_text(RULES)
    async with receiver() as one, receiver() as other:
        alerts = {
            "rules": tmp_path / "rules.toml",
            "notify_urls": [f"json://{one.address}/a", f"night=json://{other.address}/b"],
            "notify_cool_down_minutes": 10,
        }
        settings = Settings(data_dir=tmp_path / "data", database={"url": database_url}, alerts=alerts)
        yield Installation(settings, [one, other])


@pytest.fixture
async def app(installation: Installation) -> AsyncIterator[App]:
    async with open_app(installation.settings) as opened:
        yield opened


async def test_an_alert_is_told_and_its_end(installation: Installation, app: App) -> None:
    """Everybody is told once each time, and the history says so; what comes back soon is told after the time to cool down."""
    for workers in (0, 0, 1):
        await installation.judge(app, workers=workers, minutes=2)
    assert installation.titles(0) == installation.titles(1) == ["Critical: NoWorker", "Resolved: NoWorker"]
    events = [(event.event, event.by) for event in await app.alarms.history() if event.rule == "NoWorker"]
    assert {("told_firing", "json 1"), ("told_firing", "json 2"), ("told_resolved", "json 1")} <= {*events}
    for minutes, workers in ((2, 0), (2, 1), (2, 0)):  # it comes and goes
        await installation.judge(app, workers=workers, minutes=minutes)
    assert len(installation.titles()) == 2
    await installation.judge(app, workers=0, minutes=10)
    assert installation.titles()[2:] == ["Critical: NoWorker"]


async def test_a_rule_says_who_is_told(installation: Installation, app: App) -> None:
    """Those with one of its tags; with none, nobody."""
    await installation.judge(app, streams=1)
    assert (installation.titles(0), installation.titles(1)) == ([], ["Warning: Streams"])


async def test_a_silence_ends(installation: Installation, app: App) -> None:
    """Who was not told because of it is told when it is over and the alert still fires; who takes care of it is left alone."""
    await installation.judge(app)
    await app.alarms.silence(LOCAL, "NoWorker", installation.now + timedelta(minutes=30), installation.now)
    await installation.judge(app, workers=0)
    assert installation.titles() == []
    await installation.judge(app, workers=0, minutes=31)
    assert installation.titles() == ["Critical: NoWorker"]
    await app.alarms.acknowledge(LOCAL, "Streams", installation.now)
    await installation.judge(app, workers=0, streams=1)
    assert installation.titles(1) == ["Critical: NoWorker"]


async def test_failures_are_tried_again(installation: Installation, app: App) -> None:
    """Within the bounds at once, later again while it still fires; one that fails keeps nobody else from being told."""
    hook, other = installation.hooks
    hook.statuses = [500, 500, 200]
    other.statuses = [500] * 3 + [200]
    await installation.judge(app, workers=0)
    assert (len(hook.received), len(other.received)) == (3, 3)
    events = {(event.event, event.by) for event in await app.alarms.history()}
    assert {("told_firing", "json 1"), ("untold_firing", "json 2")} <= events
    text = app.metrics.exposition().decode()
    assert 'videochat_notifications_total{kind="json",outcome="sent"} 1.0' in text
    assert 'videochat_notifications_total{kind="json",outcome="failed"} 1.0' in text
    await installation.judge(app, workers=0)
    assert (len(hook.received), len(other.received)) == (3, 3)
    await installation.judge(app, workers=0, minutes=11)
    assert (len(hook.received), len(other.received)) == (3, 4)


async def test_several_processes_tell_once(
    installation: Installation, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both look each second; whoever judged sends, and nobody else."""
    monkeypatch.setattr(reporter, "REPORT_SECONDS", 0.05)
    monkeypatch.setattr(reporter, "POINT_SECONDS", 1)
    async with open_app(installation.settings) as other:
        for process in (app, other):
            await process.reporter.start("web")
        first = len(await app.reporter.points(60))

        async def judged_often() -> bool:
            return bool(installation.titles()) and len(await app.reporter.points(60)) >= first + 4

        await until(judged_often)
        assert installation.titles(0) == installation.titles(1) == ["Critical: NoWorker"]


async def test_what_a_dead_process_left_is_sent_once(installation: Installation, app: App) -> None:
    """Whoever judges after the lease sends it; two that find it do not send it twice; whoever comes back late lets it be."""
    app.messenger.send = lambda *_: None  # type: ignore[method-assign]  # dies between judging and sending
    await installation.judge(app, workers=0)
    assert installation.titles() == []
    async with open_app(installation.settings) as heir, open_app(installation.settings) as other:
        await installation.judge(heir, workers=0)
        assert installation.titles() == []
        await installation.judge(heir, workers=0, minutes=outbox.LEASE.total_seconds() / 60 + 1)
        await installation.judge(other, workers=0)
        assert installation.titles(0) == installation.titles(1) == ["Critical: NoWorker"]


async def test_a_letter_is_sent_by_whoever_took_it_up_last(installation: Installation, app: App) -> None:
    """One that waited so long that another process has taken it up is dropped."""
    async with app.database.write() as session:
        old = await outbox.put(session, "NoWorker", "json 1", "firing", 0.0, installation.now - 2 * outbox.LEASE)
        (new,) = await outbox.left_behind(session, installation.now)
    app.messenger.send(app.alarms.rules(), [old])
    await until(lambda: not app.messenger._sending)
    assert installation.titles() == []
    app.messenger.send(app.alarms.rules(), [new])
    await until(lambda: not app.messenger._sending)
    assert installation.titles() == ["Critical: NoWorker"]


async def test_a_stopping_process_leaves_what_it_was_sending(
    installation: Installation, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not wait for a destination that hangs, and the message goes out later."""
    installation.hooks[0].statuses = [0, 200]
    await app.alarms.judge(points(workers=0), installation.now)
    await until(lambda: len(installation.hooks[0].received) == 1)
    await app.messenger.close()
    async with open_app(installation.settings) as heir:
        await installation.judge(heir, workers=0, minutes=6)
    assert installation.titles() == ["Critical: NoWorker"] * 2


@pytest.fixture
async def client(app: App) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_api(app))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as opened:
        yield opened


async def test_a_test_says_for_each_destination_whether_it_got_there(
    installation: Installation, client: httpx.AsyncClient
) -> None:
    """With the reason; addresses are in no answer, and a test is tried once."""
    installation.hooks[1].statuses = [404]
    answer = await client.post("/api/ops/alerts/test")
    one, other = answer.json()["items"]
    assert (one["destination"], one["sent"], one["reason"]) == ("json 1", True, None)
    assert (other["destination"], other["sent"], other["tags"]) == ("json 2", False, ["night"])
    assert "404" in other["reason"]
    assert installation.titles(0) == installation.titles(1) == ["Test: alerts arrive here"]
    listed = await client.get("/api/ops/alerts")
    assert listed.json()["destinations"] == ["json 1", "json 2"]
    settings = (await client.get("/api/ops/settings")).text
    for text in (answer.text, listed.text, settings):
        assert installation.hooks[0].address not in text


async def test_without_destinations_a_test_says_what_to_set(tmp_path: Path) -> None:
    """A conflict that names the setting."""
    async with open_app(Settings(data_dir=tmp_path)) as app:
        transport = httpx.ASGITransport(create_api(app))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            answer = await client.post("/api/ops/alerts/test")
    assert answer.status_code == 409
    assert "ALERTS__NOTIFY_URLS" in answer.json()["detail"]
