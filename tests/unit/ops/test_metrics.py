"""Counting in one process, and adding up what several counted."""

from __future__ import annotations

import json

import pytest
from prometheus_client.parser import text_string_to_metric_families

from videochat.ops.metrics import Metrics, added, from_json, less, to_json


def counted() -> Metrics:
    metrics = Metrics()
    metrics.requests.labels("GET", "/api/media", "200").inc(3)
    metrics.request_seconds.labels("/api/media").observe(0.02)
    metrics.request_seconds.labels("/api/media").observe(70)
    metrics.streams.inc(2)
    return metrics


def samples(text: bytes) -> dict[str, float]:
    """Return name and labels with the value of everything in Prometheus' text."""
    families = text_string_to_metric_families(text.decode())
    return {f"{one.name}{sorted(one.labels.items())}": one.value for family in families for one in family.samples}


def test_what_is_exposed_is_what_the_library_would_expose() -> None:
    """Prometheus reads the same numbers from our totals as from the registry itself."""
    metrics = counted()
    from prometheus_client import generate_latest  # noqa: PLC0415

    theirs = {
        name: value for name, value in samples(generate_latest(metrics.registry)).items() if "_created" not in name
    }
    assert samples(metrics.exposition()) == theirs


def test_totals_add_up_and_survive_storing() -> None:
    """Counts, buckets and what is in use are added; written as JSON and read again they are the same."""
    once = counted().totals()
    stored = from_json(json.loads(json.dumps(to_json(once))))
    both = samples(Metrics().exposition(added(stored, once)))
    assert both["videochat_http_requests_total[('method', 'GET'), ('route', '/api/media'), ('status', '200')]"] == 6
    assert both["videochat_http_request_seconds_bucket[('le', '0.025'), ('route', '/api/media')]"] == 2
    assert both["videochat_http_request_seconds_bucket[('le', '+Inf'), ('route', '/api/media')]"] == 4
    assert both["videochat_http_request_seconds_sum[('route', '/api/media')]"] == pytest.approx(140.04)
    assert both["videochat_http_streams[]"] == 4


def test_a_machine_is_counted_once() -> None:
    """Two processes say the same of their machine; of another machine there is more to say."""
    one, other = Metrics(), Metrics()
    for metrics, hosts in ((one, ("a",)), (other, ("a", "b"))):
        for host in hosts:
            metrics.machine.labels(host, "memory").set(0.75)
    assert added(one.totals(), other.totals())["videochat_machine"] == {
        ("a", "memory"): (0.75,), ("b", "memory"): (0.75,),
    }  # fmt: skip


def test_what_came_since_is_the_difference() -> None:
    """A process that reported before reports what came since, also where nothing had been."""
    metrics = counted()
    before = metrics.totals()
    metrics.requests.labels("GET", "/api/media", "200").inc()
    metrics.requests.labels("GET", "/new", "200").inc()
    grown = less(metrics.totals(), before)["videochat_http_requests"]
    assert grown == {("GET", "/api/media", "200"): (1.0,), ("GET", "/new", "200"): (1.0,)}


def test_numbers_of_another_version_spoil_nothing() -> None:
    """Where a later version has other buckets the first ones stay as they are, and unknown families are left out."""
    ours = counted().totals()
    theirs = {"videochat_http_request_seconds": {("/api/media",): (1.0, 2.0)}, "videochat_unknown": {(): (1.0,)}}
    assert added(ours, theirs)["videochat_http_request_seconds"] == ours["videochat_http_request_seconds"]
    assert b"unknown" not in Metrics().exposition(added(ours, theirs))
