"""How the whole was over time: points of counts that only grow, and the rates between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from videochat.ops.metrics import SECONDS, Labels, Numbers, Totals

MOST_POINTS = 240  # in one series: as many as a chart is wide
Point = Mapping[str, Any]
FIRST_LEVEL = "memory"  # of the cache
OF_ANSWERS = frozenset({FIRST_LEVEL, "redis"})  # what is found in another level is a worker's work

# What a point holds of the totals: name, family, and the label whose values are kept apart (None: the sum).
COUNTS = (
    ("uploaded", "videochat_upload_bytes", None),
    ("windows", "videochat_windows", None),
    ("audio", "videochat_audio_seconds", None),
    ("jobs", "videochat_jobs_ended", 0),
    ("answers", "videochat_answers", 1),
    ("tokens", "videochat_provider_tokens", 1),
    ("cost", "videochat_provider_cost_usd", None),
    ("provider", "videochat_provider_requests", 1),
)
AS_IT_IS = ("streams", "uploads", "waiting", "running", "workers", "machines", "network")
# What points of earlier versions do not hold.
SINCE_THEN: Point = {"provider": {}, "provider_latency": [], "uploads": 0.0, "cost": 0.0, "network": {}}


def point_of(totals: Totals, work: Mapping[str, int]) -> dict[str, Any]:
    """Return what is worth keeping of these totals and of the work that waits and runs."""
    requests = totals.get("videochat_http_requests", {})
    point: dict[str, Any] = {
        "requests": _sum(requests.values()),
        "errors": _sum(numbers for labels, numbers in requests.items() if labels[2].startswith("5")),
        "latency": _summed(totals.get("videochat_http_request_seconds", {}).values()),
        "provider_latency": _summed(totals.get("videochat_provider_request_seconds", {}).values()),
        "streams": _sum(totals.get("videochat_http_streams", {}).values()),
        "uploads": _sum(totals.get("videochat_uploads", {}).values()),
        "cache": _cache(totals),
        "cache_away": _sum(totals.get("videochat_cache_away", {}).values()),
        **work,
    }
    for name, family, label in COUNTS:
        children = totals.get(family, {})
        if label is None:
            point[name] = _sum(children.values())
        else:
            point[name] = {
                key: _sum(n for k, n in children.items() if k[label] == key) for key in {k[label] for k in children}
            }
    machines = {host: {name: round(share, 3) for name, share in of.items()} for host, of in machines_of(totals).items()}
    network = {host: {name: round(rate) for name, rate in of.items()} for host, of in network_of(totals).items()}
    return {**point, "machines": machines, "network": network}


def machines_of(totals: Totals) -> dict[str, dict[str, float]]:
    """Return of each machine which share of its resources is in use."""
    return _by_host(totals.get("videochat_machine", {}))


def network_of(totals: Totals) -> dict[str, dict[str, float]]:
    """Return of each machine the bytes per second that it receives and sends."""
    return _by_host(totals.get("videochat_network_bytes_per_second", {}))


def _by_host(children: Mapping[Labels, Numbers]) -> dict[str, dict[str, float]]:
    machines: dict[str, dict[str, float]] = {}
    for (host, what), (value,) in children.items():
        machines.setdefault(host, {})[what] = value
    return machines


def _cache(totals: Totals) -> dict[str, float]:
    """Return how many answers were looked for, and how many each level had; the level in memory is asked first."""
    counts = {"lookups": 0.0}
    for (_, level), (hits,) in totals.get("videochat_cache_hits", {}).items():
        if level in OF_ANSWERS:
            counts[level] = counts.get(level, 0.0) + hits
    missed = totals.get("videochat_cache_misses", {}).items()
    counts["lookups"] = counts.get(FIRST_LEVEL, 0.0) + sum(n for (_, level), (n,) in missed if level == FIRST_LEVEL)
    return counts


FINE = frozenset({"ok", "left"})  # outcomes of a request to a provider that are no errors


def series(points: Sequence[tuple[int, Point]], most: int = MOST_POINTS) -> list[dict[str, Any]]:
    """Return at most so many moments, each with the rates since the one before and what was in use then."""
    stride = max(1, -(-len(points) // most))
    chosen = points[::-stride][::-1]  # the newest is always there
    return [_between(*earlier, *later) for earlier, later in pairwise(chosen)]


def _between(began: int, before: Point, ended: int, after: Point) -> dict[str, Any]:
    seconds = max(1, ended - began)
    before, after = {**SINCE_THEN, **before}, {**SINCE_THEN, **after}

    def rate(name: str) -> float:
        return round(max(0.0, float(after[name]) - float(before[name])) / seconds, 4)

    buckets = grown(before["latency"], after["latency"])
    written = grown(before["provider_latency"], after["provider_latency"])
    asked = _grown_each(before["provider"], after["provider"])
    cache = after.get("cache", {})  # the version before did not count it
    cache = _grown_each(before.get("cache", cache), cache)
    lookups = cache.pop("lookups", 0.0)
    return {
        "at": ended,
        "requests_per_second": rate("requests"),
        "errors_per_second": rate("errors"),
        "latency_p50": quantile(buckets, 0.5),
        "latency_p95": quantile(buckets, 0.95),
        "provider_requests_per_second": round(sum(asked.values()) / seconds, 4),
        "provider_errors_per_second": round(sum(n for how, n in asked.items() if how not in FINE) / seconds, 4),
        "provider_p50": quantile(written, 0.5),
        "provider_p95": quantile(written, 0.95),
        "upload_bytes_per_second": rate("uploaded"),
        "audio_seconds_per_second": rate("audio"),
        "windows_per_second": rate("windows"),
        "cache_hits": cache,
        "cache_lookups": lookups,
        "cache_hit_rate": round(min(1.0, sum(cache.values()) / lookups), 4) if lookups else None,
        **{name: _grown_each(before[name], after[name]) for name in ("jobs", "answers", "tokens")},
        "cost_usd": round(max(0.0, after["cost"] - before["cost"]), 6),
        **{name: after[name] for name in AS_IT_IS},
    }


def quantile(buckets: Sequence[float], share: float) -> float | None:
    """Return the time in seconds within which this share of requests was answered, None when there were none.

    Linear within a bucket, as Prometheus' histogram_quantile; above the last bound that bound. `buckets` are cumulative counts.
    """
    if not buckets or buckets[-1] <= 0:
        return None
    wanted = share * buckets[-1]
    below, lower = 0.0, 0.0
    for count, bound in zip(buckets, SECONDS, strict=False):
        if count >= wanted:
            return round(lower + (bound - lower) * (wanted - below) / (count - below), 4) if count > below else bound
        below, lower = count, bound
    return float(SECONDS[-1])


def grown(before: Sequence[float], after: Sequence[float]) -> list[float]:
    """Return by how much each bucket grew; the sums at the ends are left out."""
    if len(before) != len(after):
        return list(after)[:-1]
    return [max(0.0, b - a) for a, b in zip(before, after, strict=True)][:-1]


def _grown_each(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    return {name: max(0.0, value - before.get(name, 0.0)) for name, value in after.items()}


def _sum(several: Any) -> float:
    return float(sum(float(numbers[0]) for numbers in several))


def _summed(several: Any) -> list[float]:
    columns: list[Numbers] = list(several)
    return [sum(column) for column in zip(*columns, strict=True)] if columns else []
