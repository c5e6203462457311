"""Alerts on both databases: judged once by all processes together, the same for each of them; and the rules for Prometheus."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from conftest import skip_unless_ci
from videochat.app import App, open_app
from videochat.ops.actor import LOCAL
from videochat.settings import Settings
from videochat.store import reporter
from videochat.web.server import create_api

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def points(workers: int) -> list[tuple[int, dict[str, Any]]]:
    """Return the last minute of an installation with so many workers."""
    quiet = {"requests": 0, "errors": 0, "latency": [0.0] * 15, "waiting": 0, "jobs": {}, "answers": {}, "machines": {}}
    return [(second, {**quiet, "workers": workers}) for second in (0, 30, 60)]


@pytest.fixture
async def apps(database_url: str, tmp_path: Path) -> AsyncIterator[tuple[App, App]]:
    """Give two processes of one installation, with a file of rules of their own."""
    own = tmp_path / "rules.toml"
    own.write_text('[[rule]]\nname = "NoWorker"\nexpression = "max(workers[1m]) < 1"\nseverity = "critical"\n')
    settings = Settings(data_dir=tmp_path / "data", database={"url": database_url}, alerts={"rules": own})
    async with open_app(settings) as one, open_app(settings) as other:
        yield one, other


@pytest.fixture
async def client(apps: tuple[App, App]) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_api(apps[1]))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as opened:
        yield opened


async def test_an_alert_fires_is_acknowledged_silenced_and_resolved(
    apps: tuple[App, App], client: httpx.AsyncClient
) -> None:
    """Judged by one process and seen by the other; what people say of it is kept with who said so."""
    here, _ = apps
    assert [event.event for event in await here.alarms.judge(points(0), NOW)] == ["firing"]
    assert await here.alarms.judge(points(0), NOW + timedelta(seconds=15)) == []
    alert = next(item for item in (await client.get("/api/ops/alerts")).json()["items"] if item["name"] == "NoWorker")
    assert (alert["status"], alert["severity"], alert["value"]) == ("firing", "critical", 0.0)
    acknowledged = (await client.post("/api/ops/alerts/NoWorker/acknowledge")).json()
    assert acknowledged["acknowledged_by"] == LOCAL.id
    silenced = (await client.post("/api/ops/alerts/NoWorker/silence", json={"minutes": 30})).json()
    assert silenced["silenced_until"] > datetime.now(UTC).isoformat()
    await here.alarms.judge(points(0), NOW + timedelta(seconds=30))  # does not forget what was said
    assert (await client.get("/api/ops/alerts")).json()["items"][-1]["acknowledged_by"] == LOCAL.id
    assert [one.event for one in await here.alarms.judge(points(2), NOW + timedelta(minutes=5))] == ["resolved"]
    shown = (await client.get("/api/ops/alerts")).json()
    assert [event["event"] for event in shown["history"]] == ["resolved", "silenced", "acknowledged", "firing"]
    assert (await client.post("/api/ops/alerts/Nothing/acknowledge")).status_code == 404
    assert (await client.post("/api/ops/alerts/NoWorker/silence", json={"minutes": 0})).status_code == 422


async def test_several_processes_tell_once(apps: tuple[App, App], monkeypatch: pytest.MonkeyPatch) -> None:
    """Both report and look each second; what happens is in the history once."""
    monkeypatch.setattr(reporter, "REPORT_SECONDS", 0.05)
    monkeypatch.setattr(reporter, "POINT_SECONDS", 1)
    for app in apps:
        await app.reporter.start("web")
    async with asyncio.timeout(20):
        while not await apps[0].alarms.history():
            await asyncio.sleep(0.1)
    await asyncio.sleep(2)
    assert [(event.rule, event.event) for event in await apps[1].alarms.history()] == [("NoWorker", "firing")]


async def test_a_file_that_became_wrong_leaves_the_rules_as_they_were(apps: tuple[App, App]) -> None:
    """It is read anew when it changes, and counts again once it is right."""
    here, _ = apps
    own = here.settings.alerts.rules
    assert own is not None
    before = here.alarms.rules()
    save(own, "[[rule]]\nname = 1\n")
    assert here.alarms.rules() == before
    save(own, '[[rule]]\nname = "Mine"\nexpression = "last(streams) > 5"\n')
    assert "Mine" in here.alarms.rules()


@pytest.mark.parametrize("path", ["x" * 300, "nul\0byte", "a-folder", "not-there/rules.toml"], ids=range(4))
async def test_a_path_that_cannot_be_read_leaves_the_rules_as_they_were(
    apps: tuple[App, App], client: httpx.AsyncClient, tmp_path: Path, path: str
) -> None:
    """Whatever the system says of it, alerts are judged and shown with the rules from before, and it is logged once."""
    (tmp_path / "a-folder").mkdir()
    before = apps[1].alarms.rules()
    with capture_logs() as lines:
        changed = await client.put("/api/ops/settings/ALERTS__RULES", json={"value": str(tmp_path / path)})
        assert changed.status_code == 200
        assert apps[1].alarms.rules() == before
        assert [event.event for event in await apps[1].alarms.judge(points(0), NOW)] == ["firing"]
        assert (await client.get("/api/ops/alerts")).json()["items"][-1]["name"] == "NoWorker"
    assert [line["event"] for line in lines].count("alerts.rules_refused") == 1


def save(path: Path, content: str) -> None:
    path.write_text(content, encoding="utf-8")


def promtool(*arguments: str, text: str = "") -> str:
    """Run Prometheus' own checker and return what it says."""
    if shutil.which("promtool") is None:
        skip_unless_ci("no promtool (the package prometheus)")
    done = subprocess.run(["promtool", *arguments], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


async def test_prometheus_accepts_rules_and_metrics(
    apps: tuple[App, App], client: httpx.AsyncClient, tmp_path: Path
) -> None:
    """Promtool finds nothing wrong with the rule file, and reads all of /metrics."""
    for _ in range(3):
        await client.get("/api/media")
    save(tmp_path / "rules.yaml", (await client.get("/api/ops/alerts/rules.yaml")).text)
    assert f"{len(apps[0].alarms.rules())} rules found" in promtool("check", "rules", str(tmp_path / "rules.yaml"))
    promtool("check", "metrics", text=(await client.get("/metrics")).text)
