"""docs/reference/metrics.md: everything that `/metrics` may show, from where it is declared."""

from __future__ import annotations

from reference_pages.markdown import code, prose, table
from videochat.ops.metrics import Metrics

HEAD = """# Metrics

What `GET /metrics` shows, of all processes together. The values of labels come from fixed sets – routes, outcomes, engines,
machines – so that there is a bounded number of series. Counters and histograms are never lost and never counted twice when a
process dies; gauges are of the processes that live. How to watch them: [with Prometheus and Grafana](../howto/prometheus.md).

This page is generated: `make docs`.

"""


def page() -> str:
    suffix = {"counter": "_total", "gauge": "", "histogram": ""}
    rows = (
        (
            code(family.name + suffix[family.kind]),
            family.kind,
            ", ".join(map(code, family.labels)) or "–",
            prose(family.meaning),
        )
        for family in Metrics().families.values()
    )
    return f"{HEAD}{table(('name', 'kind', 'labels', 'meaning'), rows)}\n"
