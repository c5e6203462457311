"""A real Prometheus watches a real service: it is scraped, the rules are healthy, and every chart of the dashboard has data."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from conftest import skip_unless_ci
from e2e.conftest import Service, free_port, start_service
from offenders import assert_none
from recordings import lecture_wav
from stub_embedder import stub_meaning
from stub_provider import Reply, stub_model
from videochat.sections import StorageSettings

DASHBOARD = json.loads(
    (Path(__file__).parents[2] / "deploy" / "grafana" / "dashboard.json").read_text(encoding="utf-8")
)
CHARTS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
# Of what has not happened here there is nothing to draw: nobody to be told, no Redis.
MAY_BE_EMPTY = {"Notifications", "Processes that do without a level", "Levels that failed"}
# What is more than nothing in each service that runs and has been used; of the processes that is said of each role.
ALWAYS = [
    "videochat_workers",
    "videochat_database_connections_limit",
    "videochat_disk_free_bytes",
    *(f'videochat_machine{{resource="{resource}"}}' for resource in ("cpu", "memory", "disk")),
    *(
        f'videochat_process_{what}{{process="{role}"}}'
        for what in ("memory_bytes", "cpu_used_seconds_total", "handles", "tasks")
        for role in ("web", "worker")
    ),
    'videochat_windows_total{engine="pocketsphinx"}',
    'videochat_audio_seconds_total{engine="pocketsphinx"}',
    'videochat_http_requests_total{method="GET",route="/api/media",status="200"}',
    'videochat_cache_hits_total{cache="media",level="memory"}',
    'videochat_cache_misses_total{cache="media",level="memory"}',
    'videochat_cache_evictions_total{cache="media",level="memory",reason="changed"}',
    'videochat_cache_bytes{cache="media",level="memory"}',
    'videochat_cache_entries{cache="media",level="memory"}',
    'videochat_cache_misses_total{cache="audio",level="artefacts"}',
    'videochat_cache_misses_total{cache="window-transcript",level="artefacts"}',
]
RULES = '[[rule]]\nname = "Alive"\nexpression = "last(workers) > 0"\nseverity = "info"\nmessage = "A worker lives."\n'
CONFIG = """
global: {{ scrape_interval: 1s, evaluation_interval: 1s }}
rule_files: [{rules}]
scrape_configs:
  - job_name: videochat
    authorization: {{ credentials: scrape-t0ken }}
    static_configs: [{{ targets: ["{target}"] }}]
"""


@dataclass(frozen=True, slots=True)
class Prometheus:
    client: httpx.Client

    def get(self, what: str, **parameters: str) -> Any:
        answer = self.client.get(f"/api/v1/{what}", params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def query(self, expression: str) -> list[Any]:
        # What Grafana puts in is at least four times the scrape interval.
        return self.get("query", query=expression.replace("$__rate_interval", "1m"))["result"]


def wait(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give a service that has transcribed a recording, gave its passages vectors, paid a model for an answer, and has a rule that holds."""
    if shutil.which("prometheus") is None:
        skip_unless_ci("no prometheus (the package prometheus)")
    folder = tmp_path_factory.mktemp("watched")
    (folder / "rules.toml").write_text(RULES)
    settings = {"ALERTS__RULES": str(folder / "rules.toml"), "METRICS__TOKEN": "scrape-t0ken"}
    prices = {"AI__INPUT_PRICE": "2", "AI__OUTPUT_PRICE": "8"}
    with stub_model(Reply(("They catch ", "light."))) as model, stub_meaning() as embedder:
        started = start_service(folder / "data", **settings, **prices, **model, **embedder)
        _use(started, folder)
        yield started
        started.process.terminate()
        started.process.wait(20)


def _use(service: Service, folder: Path) -> None:
    with service.client() as client:
        recording = lecture_wav(folder / "talk.wav", seconds=8).read_bytes()
        media = client.post("/api/media", content=recording, params={"name": "talk.wav"}).json()
        wait(lambda: client.get(f"/api/media/{media['id']}").json()["status"] == "ready")
        answer = client.post("/api/answers", json={"question": "What do plants do?", "media": [media["id"]]}).json()
        wait(lambda: client.get(f"/api/answers/{answer['id']}").json()["status"] == "completed")
        client.get("/api/search", params={"q": "leaves"}).raise_for_status()
        for name in ("plants.wav", "leaves.wav"):  # what was kept is forgotten when it changes
            client.patch(f"/api/media/{media['id']}", json={"name": name})
            for _ in range(2):
                client.get("/api/media").raise_for_status()


@pytest.fixture(scope="module")
def prometheus(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Give a Prometheus that scrapes the service and has evaluated its rules."""
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    with service.client() as client:
        (folder / "rules.yaml").write_text(client.get("/api/ops/alerts/rules.yaml").text)
    target = service.url.removeprefix("http://")
    (folder / "prometheus.yml").write_text(CONFIG.format(rules=folder / "rules.yaml", target=target))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["prometheus", f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
             f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log,
        )  # fmt: skip
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
        wait(lambda: _ready(client))
        watching = Prometheus(client)
        # Counts of the worker come with its reports, and a rate needs two of them.
        counts = ("jobs_ended", "embedded_passages")
        wait(lambda: all(watching.query(f"rate(videochat_{count}_total[1m])") for count in counts))
        yield watching
    process.terminate()
    process.wait(20)


def _ready(client: httpx.Client) -> bool:
    try:
        return client.get("/-/ready").status_code == 200
    except httpx.TransportError:
        return False


def said(service: Service) -> dict[str, float]:
    """Return what `/metrics` says now, by name and labels; of a process only its role counts, and no machine's name."""
    answer = httpx.get(f"{service.url}/metrics", headers={"Authorization": "Bearer scrape-t0ken"})
    numbers: dict[str, float] = {}
    for family in text_string_to_metric_families(answer.raise_for_status().text):
        for one in family.samples:
            labels = {name: value.partition("@")[0] for name, value in one.labels.items() if name != "host"}
            inside = ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
            numbers[f"{one.name}{{{inside}}}" if inside else one.name] = one.value
    return numbers


@pytest.mark.parametrize("name", ALWAYS)
def test_what_runs_is_more_than_nothing(service: Service, name: str) -> None:
    """Of each process, its machine and what was done there are numbers above nought."""
    wait(lambda: said(service).get(name, 0) > 0, 30)


def test_shares_are_between_none_and_all(service: Service) -> None:
    """No resource of the machine is used more than it is there."""
    shares = {name: value for name, value in said(service).items() if name.startswith("videochat_machine")}
    assert len(shares) >= 3
    assert all(0 <= value <= 1 for value in shares.values()), shares


def test_the_numbers_are_those_of_what_happened(service: Service) -> None:
    """One worker, one upload of so many bytes, its seconds, its job; and the disk has what the system says, less the reserve."""
    recording = service.data.parent / "talk.wav"
    wait(lambda: said(service).get('videochat_jobs_ended_total{status="completed"}') == 1)
    numbers = said(service)
    assert numbers["videochat_workers"] == 1
    assert numbers["videochat_upload_bytes_total"] == recording.stat().st_size
    assert numbers['videochat_audio_seconds_total{engine="pocketsphinx"}'] == pytest.approx(8, abs=0.5)
    free = shutil.disk_usage(service.data).free - StorageSettings().reserve_bytes
    assert numbers["videochat_disk_free_bytes"] == pytest.approx(free, rel=0.05)  # others write to the same disk


def test_the_service_is_scraped(prometheus: Prometheus) -> None:
    """The one target is up, with the token; what it says is understood without a complaint."""
    (target,) = prometheus.get("targets")["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")


def test_our_rules_are_evaluated(prometheus: Prometheus, service: Service) -> None:
    """All of them are loaded and healthy, and the one that holds fires there as it does here."""

    def rules() -> list[Any]:
        return [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]

    wait(lambda: all(rule["health"] != "unknown" for rule in rules()))
    assert_none(
        f"{rule['name']}: {rule['health']} {rule.get('lastError')}" for rule in rules() if rule["health"] != "ok"
    )
    with service.client() as client:
        ours = client.get("/api/ops/alerts").json()["items"]
    assert {rule["name"] for rule in rules()} == {rule["name"] for rule in ours}
    wait(lambda: [rule["name"] for rule in rules() if rule["state"] == "firing"] == ["Alive"])


@pytest.mark.parametrize("chart", CHARTS, ids=[chart["title"] for chart in CHARTS])
def test_every_chart_draws(prometheus: Prometheus, chart: dict[str, Any]) -> None:
    """Prometheus understands each query, and has data for it unless nothing of the kind has happened."""
    for target in chart["targets"]:
        found = prometheus.query(target["expr"])
        assert found or chart["title"] in MAY_BE_EMPTY, target["expr"]
        labels = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
        assert all(labels <= one["metric"].keys() for one in found), target["legendFormat"]
