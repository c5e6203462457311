"""How the whole was over time."""

from __future__ import annotations

from typing import Any

import pytest

from videochat.ops.history import MOST_POINTS, SINCE_THEN, point_of, quantile, series
from videochat.ops.metrics import SECONDS, Metrics


def point(requests: int, *, slow: bool = False, errors: int = 0) -> dict[str, Any]:
    metrics = Metrics()
    metrics.requests.labels("GET", "/x", "200").inc(requests)
    metrics.requests.labels("GET", "/x", "503").inc(errors)
    for _ in range(requests):
        metrics.request_seconds.labels("/x").observe(2 if slow else 0.002)
    metrics.jobs_ended.labels("completed").inc(requests)
    metrics.audio_seconds.labels("one").inc(30.0 * requests)
    metrics.machine.labels("here", "cpu").set(0.25)
    return point_of(metrics.totals(), {"waiting": 1, "running": 2, "workers": 3})


def test_rates_are_between_the_points() -> None:
    """Counts become rates a second; jobs are counted; what is in use is as it was at the end."""
    (moment,) = series([(1000, point(10)), (1015, point(40, errors=15))])
    assert (moment["at"], moment["requests_per_second"], moment["errors_per_second"]) == (1015, 3.0, 1.0)
    assert (moment["audio_seconds_per_second"], moment["jobs"]) == (60.0, {"completed": 30.0})
    assert (moment["waiting"], moment["running"], moment["workers"]) == (1, 2, 3)
    assert moment["machines"] == {"here": {"cpu": 0.25}}
    assert 0 < moment["latency_p50"] <= 0.005


def test_providers_are_seen_with_their_errors_and_times() -> None:
    """Requests and errors as rates, whoever left is no error, and how long writing takes; points of earlier versions hold none."""
    metrics = Metrics()
    before = point_of(metrics.totals(), {"waiting": 0, "running": 0, "workers": 1})
    for outcome in ("ok", "left", "provider_denied"):
        metrics.provider_requests.labels("one", outcome).inc(15)
    metrics.provider_seconds.labels("one").observe(2)
    metrics.provider_cost.labels("one").inc(0.25)
    metrics.network.labels("here", "sent").set(1000.4)
    metrics.uploads.inc()
    after = point_of(metrics.totals(), {"waiting": 0, "running": 0, "workers": 1})
    (moment,) = series([(1000, before), (1015, after)])
    assert (moment["provider_requests_per_second"], moment["provider_errors_per_second"]) == (3.0, 1.0)
    assert 1 < moment["provider_p95"] <= 2.5
    assert (moment["uploads"], moment["cost_usd"], moment["network"]) == (1, 0.25, {"here": {"sent": 1000}})
    old = {name: value for name, value in before.items() if name not in SINCE_THEN}
    (first,) = series([(1000, old), (1015, old)])
    assert (first["provider_requests_per_second"], first["provider_p50"], first["cost_usd"]) == (0.0, None, 0.0)


def looked(metrics: Metrics, *, memory: int, redis: int, nowhere: int) -> dict[str, Any]:
    """Let one process look for values that lay in memory, only in the Redis, or nowhere."""
    metrics.cache_hits.labels("search", "memory").inc(memory)
    metrics.cache_misses.labels("search", "memory").inc(redis + nowhere)
    metrics.cache_hits.labels("search", "redis").inc(redis)
    metrics.cache_misses.labels("search", "redis").inc(nowhere)
    return point_of(metrics.totals(), {"waiting": 0, "running": 0, "workers": 0})


def test_the_cache_is_told_by_level_and_as_a_share() -> None:
    """What the Redis had was missed in memory first, and is one look all the same; without a look there is no share."""
    metrics = Metrics()
    points = [looked(metrics, memory=6 * n, redis=3 * n, nowhere=n) for n in (1, 1, 0)]
    first, second = series([(1000 + 15 * n, one) for n, one in enumerate(points)])
    assert (first["cache_lookups"], first["cache_hits"], first["cache_hit_rate"]) == (
        10,
        {"memory": 6, "redis": 3},
        0.9,
    )
    assert (second["cache_lookups"], second["cache_hit_rate"]) == (0, None)


def test_work_that_was_done_before_is_no_answer_from_the_cache() -> None:
    """However many windows workers find transcribed, the share is that of answers that were found ready."""
    metrics = Metrics()
    points = []
    for _ in range(2):
        metrics.looked_up("window-transcript", "artefacts", found=True)
        points.append(looked(metrics, memory=1, redis=0, nowhere=3))
    (moment,) = series([(1000, points[0]), (1015, points[1])])
    assert (moment["cache_hits"], moment["cache_hit_rate"]) == ({"memory": 1, "redis": 0}, 0.25)


def test_a_point_of_the_version_before_knows_no_cache() -> None:
    """After an update the first moment says nothing of it, instead of everything since the start."""
    old = {name: value for name, value in point(1).items() if not name.startswith("cache")}
    now = looked(Metrics(), memory=50, redis=0, nowhere=50)
    (first,) = series([(1000, old), (1015, now)])
    assert (first["cache_lookups"], first["cache_hit_rate"]) == (0, None)
    assert series([(1000, old), (1015, old)])[0]["cache_hits"] == {}


def test_a_day_fits_into_a_chart_and_ends_now() -> None:
    """However many points there are, no more are shown than a chart is wide; the newest is among them."""
    points = [(15 * n, point(n)) for n in range(600)]
    moments = series(points)
    assert len(moments) <= MOST_POINTS
    assert moments[-1]["at"] == 15 * 599
    assert {moment["requests_per_second"] for moment in moments} == {round(1 / 15, 4)}


def test_counts_that_begin_anew_are_no_negative_rates() -> None:
    """Who restores an older database sees zeros, not minus a million requests."""
    (moment,) = series([(1000, point(40)), (1015, point(10))])
    assert (moment["requests_per_second"], moment["jobs"]) == (0.0, {"completed": 0.0})
    assert series([]) == series([(1000, point(1))]) == []


@pytest.mark.parametrize(
    ("counts", "share", "seconds"),
    [
        ([0.0] * 13 + [0.0], 0.5, None),
        ([4.0] * 13 + [4.0], 0.5, SECONDS[0] / 2),
        ([0.0, 4.0] + [4.0] * 12, 0.5, 0.0075),
        ([0.0] * 13 + [4.0], 0.95, 60.0),
    ],
)
def test_quantiles_are_those_of_prometheus(counts: list[float], share: float, seconds: float | None) -> None:
    """Nothing answered has none; within a bucket it is linear; above the last bound the bound is all that is known."""
    assert quantile(counts, share) == (None if seconds is None else pytest.approx(seconds, abs=1e-4))
