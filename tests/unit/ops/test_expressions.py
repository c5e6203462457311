"""The language of rules: what it says of points, and the same in PromQL."""

from __future__ import annotations

import re
from typing import Any

import pytest

from videochat.errors import InvalidError
from videochat.ops.expressions import COUNTS, COUNTS_BY, LATENCY, USES, parse
from videochat.ops.history import point_of
from videochat.ops.metrics import Metrics


def point(**values: Any) -> dict[str, Any]:
    return {
        "requests": 0,
        "errors": 0,
        "waiting": 0,
        "workers": 1,
        "jobs": {},
        "machines": {},
        "latency": [0.0] * 15,
        **values,
    }


@pytest.mark.parametrize(
    ("expression", "measured", "holds"),
    [
        ("rate(requests[5m]) > 1", 2.0, True),
        ("increase(requests[1m]) > 130", 120.0, False),
        ("rate(errors[5m]) / rate(requests[5m]) > 0.05", 0.1, True),
        ("increase(jobs.failed[5m]) >= 3", 3.0, True),
        ("increase(jobs.cancelled[5m]) > 0", 0.0, False),
        ("avg(waiting[2m]) < 10", 5.0, True),
        ("min(waiting[5m]) <= 0", 0.0, True),
        ("max(waiting[5m]) > 9 + 1", 10.0, False),
        ("last(machines.disk) > 0.9", 0.95, True),
        ("2 * (last(workers) - 1) + 1 > 0", 1.0, True),
    ],
)
def test_an_expression_says_how_it_is(expression: str, measured: float, holds: bool) -> None:
    """Functions look back from the last point; of machines the worst counts; arithmetic binds as everywhere."""
    points = [
        (1000 + 60 * n, point(
            requests=120 * n, errors=12 * n, waiting=waiting, jobs={"failed": n},
            machines={"a": {"disk": 0.5}, "b": {"disk": 0.95}},
        ))
        for n, waiting in enumerate([0, 10, 0, 15 - 10])
    ]  # fmt: skip
    parsed = parse(expression)
    assert parsed.measured(points) == pytest.approx(measured)
    assert parsed.holds(points) is holds


def test_what_the_points_do_not_say_is_not_so() -> None:
    """Nothing is known at first, of one point there is no rate, and nothing divided by nothing is no alarm."""
    for expression in (
        "rate(errors[5m]) / rate(requests[5m]) > 0",
        "quantile(0.95, latency[5m]) > 0",
        "rate(requests[5m]) < 9",
    ):
        for points in ([], [(1, point())]):
            assert not parse(expression).holds(points)
    still = [(1, point()), (61, point())]
    assert parse("rate(errors[5m]) / rate(requests[5m]) >= 0").measured(still) is None


def test_a_quantile_is_of_the_time_to_answer() -> None:
    """Of a hundred requests between the points nearly all took up to ten milliseconds."""
    after = [0.0, 100.0, *([100.0] * 12), 1.0]
    points = [(1, point()), (61, point(latency=after))]
    assert parse("quantile(0.5, latency[5m]) > 0.005").measured(points) == pytest.approx(0.0075)


def test_how_far_it_looks_back() -> None:
    """As far as the longest of its spans, on either side."""
    assert parse("rate(errors[5m]) / rate(requests[1h]) > 0.05").span == 3600
    assert parse("last(workers) < 1").span == 0
    assert parse("last(workers) < 1 + avg(workers[2m])").span == 120


@pytest.mark.parametrize(
    ("expression", "promql"),
    [
        (
            "rate(errors[5m]) / rate(requests[5m]) > 0.05",
            '(sum(rate(videochat_http_requests_total{status=~"5.."}[300s])) / sum(rate(videochat_http_requests_total[300s]))) > 0.05',
        ),
        ("increase(jobs.failed[1h]) > 3", 'sum(increase(videochat_jobs_ended_total{status="failed"}[3600s])) > 3'),
        ("min(waiting[30m]) > 100", 'min(min_over_time(videochat_tasks{state="waiting"}[1800s])) > 100'),
        ("last(machines.disk) > 0.9", 'max(videochat_machine{resource="disk"}) > 0.9'),
        (
            "quantile(0.95, latency[5m]) > 2",
            "histogram_quantile(0.95, sum by (le) (rate(videochat_http_request_seconds_bucket[300s]))) > 2",
        ),
    ],
)
def test_the_same_in_promql(expression: str, promql: str) -> None:
    """What Prometheus is asked is what we ask our points."""
    assert parse(expression).promql() == promql


@pytest.mark.parametrize(
    "expression",
    [
        "", "rate(requests[5m])", "rate(requests) > 1", "rate(requests[5m]) > ", "rate(waiting[5m]) > 1", "avg(requests[5m]) > 1",
        "last(workers[5m]) < 1", "quantile(2, latency[5m]) > 1", "quantile(0.5, requests[5m]) > 1", "rate(requests[25h]) > 1",
        "rate(requests[5m]) > 1 > 2", "sum(requests[5m]) > 1", "rate(requests[5m]) > 1; drop", "__import__('os') > 1",
        "rate(jobs[5m]) > 1", "(last(workers) > 1", 'rate(jobs.a"b[5m]) > 1',
    ],
)  # fmt: skip
def test_what_is_no_expression_is_refused(expression: str) -> None:
    """With the place and what was expected there; nothing else is ever evaluated."""
    with pytest.raises(InvalidError):
        parse(expression)


def test_what_rules_name_is_counted() -> None:
    """Every name means a family that there is, and stands in each point under its own name: else a rule never fires, in silence."""
    metrics = Metrics()
    point = point_of(metrics.totals(), {"waiting": 0, "running": 0, "workers": 0})
    for name, series in {**COUNTS, **COUNTS_BY, **USES, "latency": LATENCY}.items():
        assert name in point
        assert re.sub(r"(_total|_bucket)?({.*})?$", "", series) in metrics.families
