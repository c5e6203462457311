"""deploy/grafana/dashboard.json: the panels of the dashboard for Grafana, described here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT, COLUMNS = 8, 7, 3
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
SPAN = "[$__rate_interval]"


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart: what its axis counts, and its queries with the names of their lines."""

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]


def _rate(metric: str, by: str = "") -> str:
    return f"sum{f' by ({by}) ' if by else ''}(rate({metric}{SPAN}))"


def _quantile(share: float, metric: str, by: str = "") -> str:
    return f"histogram_quantile({share:g}, {_rate(f'{metric}_bucket', f'le, {by}' if by else 'le')})"


def _quantiles(metric: str) -> tuple[tuple[str, str], ...]:
    return (_quantile(0.5, metric), "p50"), (_quantile(0.95, metric), "p95")


ROWS: dict[str, tuple[Panel, ...]] = {
    "Service": (
        Panel("Requests", "reqps", ((_rate("videochat_http_requests_total", "status"), "{{status}}"),)),
        Panel("Time to answer", "s", _quantiles("videochat_http_request_seconds")),
        Panel(
            "Slowest routes", "s", ((f"topk(5, {_quantile(0.95, 'videochat_http_request_seconds', 'route')})", "{{route}}"),)
        ),
        Panel("Open streams and uploads", "short", (("videochat_http_streams", "streams"), ("videochat_uploads", "uploads"))),
        Panel("Received in uploads", "Bps", ((_rate("videochat_upload_bytes_total"), "bytes"),)),
        Panel(
            "Alerts that fire",
            "short",
            (('count by (alertname) (ALERTS{alertstate="firing"})', "{{alertname}}"),),
        ),
    ),
    "Work": (
        Panel("Tasks and workers", "short", (("videochat_tasks", "{{state}}"), ("videochat_workers", "workers"))),
        Panel("Jobs that ended", "short", ((f"sum by (status) (increase(videochat_jobs_ended_total{SPAN}))", "{{status}}"),)),
        Panel("Seconds of audio per second", "short", ((_rate("videochat_audio_seconds_total", "engine"), "{{engine}}"),)),
        Panel("Time for one window", "s", _quantiles("videochat_window_seconds")),
        Panel("Engine processes", "short", (("videochat_engine_processes", "processes"),)),
        Panel("Time to load an engine", "s", _quantiles("videochat_engine_load_seconds")),
    ),
    "Answers": (
        Panel("Answers that ended", "short", ((f"sum by (status) (increase(videochat_answers_total{SPAN}))", "{{status}}"),)),
        Panel(
            "Requests to the provider", "reqps", ((_rate("videochat_provider_requests_total", "outcome"), "{{outcome}}"),)
        ),
        Panel("Time of the provider", "s", _quantiles("videochat_provider_request_seconds")),
        Panel("Tokens", "short", ((_rate("videochat_provider_tokens_total", "kind"), "{{kind}}"),)),
        Panel("Dollars an hour", "currencyUSD", ((f"sum by (provider) (rate(videochat_provider_cost_usd_total{SPAN})) * 3600", "{{provider}}"),)),
        Panel("Notifications", "short", ((_rate("videochat_notifications_total", "kind, outcome"), "{{kind}} {{outcome}}"),)),
    ),
    "Search by meaning": (
        Panel("Queries", "reqps", ((_rate("videochat_meaning_searches_total", "outcome"), "{{outcome}}"),)),
        Panel("Time of the embedder", "s", _quantiles("videochat_meaning_seconds")),
        Panel("Passages a second", "short", ((_rate("videochat_embedded_passages_total", "how"), "{{how}}"),)),
    ),
    "Cache": (
        Panel(
            "Looks that found something",
            "percentunit",
            (
                (
                    (f"sum by (level) (rate(videochat_cache_hits_total{SPAN})) / (sum by (level) "
                    f"(rate(videochat_cache_hits_total{SPAN})) + sum by (level) (rate(videochat_cache_misses_total{SPAN})))"),
                    "{{level}}",
                ),
            ),
        ),
        Panel("Forgotten", "short", ((_rate("videochat_cache_evictions_total", "reason"), "{{reason}}"),)),
        Panel("Kept in memory", "bytes", (("sum by (cache) (videochat_cache_bytes)", "{{cache}}"),)),
        Panel("Entries", "short", (("sum by (cache) (videochat_cache_entries)", "{{cache}}"),)),
        Panel("Processes that do without a level", "short", (("videochat_cache_away", "{{level}}"),)),
        Panel(
            "Levels that failed",
            "short",
            (
                (_rate("videochat_cache_failures_total", "level, how"), "{{level}} {{how}}"),
                (_rate("videochat_cache_unwritten_total", "level"), "{{level}} did not take"),
            ),
        ),
    ),
    "Machines and processes": (
        Panel("Machines", "percentunit", (("videochat_machine", "{{host}} {{resource}}"),)),
        Panel("Network", "Bps", (("videochat_network_bytes_per_second", "{{host}} {{direction}}"),)),
        Panel("Space that may be written", "bytes", (("videochat_disk_free_bytes", "{{host}}"),)),
        Panel("Memory", "bytes", (("videochat_process_memory_bytes", "{{process}}"),)),
        Panel("Processors in use", "short", ((f"rate(videochat_process_cpu_used_seconds_total{SPAN})", "{{process}}"),)),
        Panel("Open files and sockets", "short", (("videochat_process_handles", "{{process}}"),)),
        Panel(
            "Database connections",
            "short",
            (("videochat_database_connections", "{{state}}"), ("videochat_database_connections_limit", "limit")),
        ),
        Panel("Waiting for the database", "s", _quantiles("videochat_database_wait_seconds")),
    ),
}  # fmt: skip


def page() -> str:
    return json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"


def dashboard() -> dict[str, Any]:
    """Return the dashboard in the form that Grafana imports."""
    return {
        "title": "VideoChat",
        "uid": "videochat",
        "tags": ["videochat"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [{"name": "datasource", "type": "datasource", "query": "prometheus"}]},
        "panels": [*_panels()],
    }


def _panels() -> Iterator[dict[str, Any]]:
    y = number = 0
    for title, panels in ROWS.items():
        number += 1
        yield {"id": number, "type": "row", "title": title, "gridPos": {"x": 0, "y": y, "w": 24, "h": 1}, "panels": []}
        y += 1
        for n, panel in enumerate(panels):
            number += 1
            place = {"x": n % COLUMNS * WIDTH, "y": y + n // COLUMNS * HEIGHT, "w": WIDTH, "h": HEIGHT}
            yield {"id": number, "gridPos": place, **_chart(panel)}
        y += -(-len(panels) // COLUMNS) * HEIGHT


def _chart(panel: Panel) -> dict[str, Any]:
    return {
        "type": "timeseries",
        "title": panel.title,
        "datasource": SOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0, "custom": {"fillOpacity": 10}}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [
            {"refId": chr(ord("A") + n), "datasource": SOURCE, "expr": query, "legendFormat": name}
            for n, (query, name) in enumerate(panel.queries)
        ],
    }
