"""Everything that is counted in this process, in one registry that lives in the App.

Label values come from fixed sets: routes, methods, engines, outcomes, this machine's processes. `Totals` is how counts travel
between processes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
WAITS = (0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 30)
LONG_SECONDS = (1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600)

# What every process of a machine says of it; to add it up would count the machine as often as it has processes.
OF_MACHINES = frozenset({"videochat_machine", "videochat_network_bytes_per_second", "videochat_disk_free_bytes"})

Kind = Literal["counter", "gauge", "histogram"]
Labels = tuple[str, ...]
# Of a counter or gauge its value; of a histogram the cumulative counts of its buckets, then the sum.
Numbers = tuple[float, ...]
Totals = Mapping[str, Mapping[Labels, Numbers]]


@dataclass(frozen=True, slots=True)
class Family:
    """A metric with all its labels, as declared."""

    name: str
    kind: Kind
    meaning: str
    labels: Labels
    bounds: tuple[float, ...] = ()

    def exposed(self, children: Mapping[Labels, Numbers]) -> Metric:
        """Return the family in the form that the Prometheus library prints."""
        if self.kind == "histogram":
            histogram = HistogramMetricFamily(self.name, self.meaning, labels=self.labels)
            edges = [*map(str, map(float, self.bounds)), "+Inf"]
            for labels, (*counts, total) in children.items():
                histogram.add_metric(labels, buckets=list(zip(edges, counts, strict=True)), sum_value=total)
            return histogram
        kind = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
        family: Metric = kind(self.name, self.meaning, labels=self.labels)
        for labels, (value,) in children.items():
            family.add_metric(labels, value)  # type: ignore[attr-defined]
        return family


class Metrics:
    """The metrics of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.families: dict[str, Family] = {}
        self.requests = self._counter("http_requests", "Requests answered.", "method", "route", "status")
        self.request_seconds = self._histogram("http_request_seconds", "Time to answer.", SECONDS, "route")
        self.streams = self._gauge("http_streams", "Event streams that are open.")
        self.uploads = self._gauge("uploads", "Uploads that are being received.")
        self.upload_bytes = self._counter("upload_bytes", "Bytes received in uploads.")
        self.jobs_ended = self._counter("jobs_ended", "Jobs that ended.", "status")
        self.windows = self._counter("windows", "Windows transcribed.", "engine")
        self.audio_seconds = self._counter("audio_seconds", "Audio transcribed.", "engine")
        self.window_seconds = self._histogram("window_seconds", "Time for one window.", LONG_SECONDS, "engine")
        self._count_answers()
        self._count_meaning()
        self.engines = self._gauge("engine_processes", "Processes of speech engines, in use or not.")
        self.engine_load_seconds = self._histogram(
            "engine_load_seconds", "Time to load a speech engine with its model.", LONG_SECONDS, "engine"
        )
        self._count_database()
        self.settings_reloads = self._counter(
            "settings_reloads", "Changes of the settings, taken or refused.", "outcome"
        )
        self.notifications = self._counter(
            "notifications", "Messages about alerts, sent or failed after all tries.", "kind", "outcome"
        )
        self._count_caches()
        self._count_machines()
        self.workers = self._gauge("workers", "Workers that live.")
        self.tasks = self._gauge("tasks", "Tasks in the queues: waiting or running.", "state")
        self.disk_free = self._gauge("disk_free_bytes", "Space that may still be written.", "host")

    def _count_answers(self) -> None:
        self.answers = self._counter("answers", "Answers that ended.", "provider", "status")
        self.answer_seconds = self._histogram("answer_seconds", "Time to write an answer.", SECONDS, "provider")
        self.tokens = self._counter(
            "provider_tokens", "Tokens that went to and came from providers.", "provider", "kind"
        )
        self.provider_cost = self._counter(
            "provider_cost_usd", "What answers cost in US dollars, as far as prices are known.", "provider"
        )
        self.provider_requests = self._counter(
            "provider_requests", "Requests to providers: ok, left, or the code of the error.", "provider", "outcome"
        )
        self.provider_seconds = self._histogram(
            "provider_request_seconds", "Time of a request to a provider, with its retries.", SECONDS, "provider"
        )

    def _count_meaning(self) -> None:
        self.meaning_searches = self._counter(
            "meaning_searches",
            "Searches that asked what the query means: ok, or why they went by words alone.",
            "outcome",
        )
        self.meaning_seconds = self._histogram(
            "meaning_seconds", "Time until it was known what a query means, or that nobody waits for it.", SECONDS
        )
        self.embedded = self._counter("embedded_passages", "Passages that can be found by their meaning now.", "how")

    def _count_database(self) -> None:
        self.database_connections = self._gauge("database_connections", "Connections to the database.", "state")
        self.database_limit = self._gauge("database_connections_limit", "Most connections that there may be.")
        self.database_wait = self._histogram(
            "database_wait_seconds",
            "Time until a session could begin: for a connection and, to write on SQLite, for the one lock of writers.",
            WAITS, "use",
        )  # fmt: skip

    def _count_machines(self) -> None:
        self.process_memory = self._gauge("process_memory_bytes", "Memory of a process with its children.", "process")
        self.process_cpu = self._counter("process_cpu_used_seconds", "Processor time of a process.", "process")
        self.process_handles = self._gauge("process_handles", "Files and sockets that a process has open.", "process")
        self.process_tasks = self._gauge("process_tasks", "Coroutines that run in a process.", "process")
        self.machine = self._gauge(
            "machine",
            "Share that is used, 0 to 1, of a machine's resources; of memory what a container may use, where it has a limit.",
            "host", "resource",
        )  # fmt: skip
        self.network = self._gauge(
            "network_bytes_per_second", "Bytes that a machine receives and sends, but to itself.", "host", "direction"
        )

    def _count_caches(self) -> None:
        of_level = ("cache", "level")
        self.cache_hits = self._counter("cache_hits", "Values that were found.", *of_level)
        self.cache_misses = self._counter("cache_misses", "Values that were looked for and not found.", *of_level)
        self.cache_evictions = self._counter(
            "cache_evictions", "Values forgotten: room was short (full), expired, or changed.", *of_level, "reason"
        )
        self.cache_unwritten = self._counter("cache_unwritten", "Values that a level did not take.", *of_level)
        self.cache_bytes = self._gauge("cache_bytes", "Size of what is kept in memory.", *of_level)
        self.cache_entries = self._gauge("cache_entries", "Number of values that are kept in memory.", *of_level)
        self.cache_failures = self._counter(
            "cache_failures", "Requests to a level that came to nothing: away, slow or refused.", "level", "how"
        )
        self.cache_away = self._gauge("cache_away", "Processes that do without this level.", "level")

    def looked_up(self, cache: str, level: str, *, found: bool) -> None:
        """Count that a level was asked for a value of this cache."""
        (self.cache_hits if found else self.cache_misses).labels(cache, level).inc()

    def totals(self) -> Totals:
        """Return everything as it is now."""
        return {family.name: _children(family, self.registry) for family in self.families.values()}

    def exposition(self, totals: Totals | None = None) -> bytes:
        """Return these totals (None: what this process counted) in Prometheus' text format."""
        registry = CollectorRegistry()
        registry.register(_Totals(self.families, self.totals() if totals is None else totals))
        return generate_latest(registry)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(self._declared(name, "counter", meaning, labels), meaning, labels, registry=self.registry)

    def _gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(self._declared(name, "gauge", meaning, labels), meaning, labels, registry=self.registry)

    def _histogram(self, name: str, meaning: str, bounds: tuple[float, ...], *labels: str) -> Histogram:
        declared = self._declared(name, "histogram", meaning, labels, bounds)
        return Histogram(declared, meaning, labels, buckets=bounds, registry=self.registry)

    def _declared(
        self, name: str, kind: Kind, meaning: str, labels: Labels, bounds: tuple[float, ...] = ()
    ) -> str:  # fmt: skip
        full = f"videochat_{name}"
        self.families[full] = Family(full, kind, meaning, labels, bounds)
        return full


class _Totals(Collector):
    def __init__(self, families: Mapping[str, Family], totals: Totals) -> None:
        self._families = families
        self._totals = totals

    def collect(self) -> Iterable[Metric]:
        for name, family in self._families.items():
            yield family.exposed(self._totals.get(name, {}))


def _children(family: Family, registry: CollectorRegistry) -> dict[Labels, Numbers]:
    """Read a family's children; the library gives buckets in their order, then count and sum."""
    found: dict[Labels, list[float]] = {}
    for metric in registry.restricted_registry(_sample_names(family)).collect():
        for sample in metric.samples:
            labels = tuple(sample.labels[label] for label in family.labels)
            if not sample.name.endswith(("_created", "_count")):
                found.setdefault(labels, []).append(sample.value)
    return {labels: tuple(numbers) for labels, numbers in found.items()}


def _sample_names(family: Family) -> list[str]:
    return [family.name] if family.kind == "gauge" else [f"{family.name}_{end}" for end in ("total", "bucket", "sum")]


def added(*several: Totals) -> dict[str, dict[Labels, Numbers]]:
    """Return the sums; of what does not add up, as a machine's memory or another version's buckets, what comes first."""
    return _combined(several, 1)


def less(now: Totals, before: Totals) -> dict[str, dict[Labels, Numbers]]:
    """Return what was counted since then."""
    return _combined((now, before), -1)


def _combined(several: Iterable[Totals], sign: int) -> dict[str, dict[Labels, Numbers]]:
    result: dict[str, dict[Labels, Numbers]] = {}
    for n, totals in enumerate(several):
        for name, children in totals.items():
            known = result.setdefault(name, {})
            for labels, numbers in children.items():
                if labels not in known:
                    known[labels] = numbers if n == 0 or sign > 0 else tuple(-number for number in numbers)
                elif len(known[labels]) == len(numbers) and name not in OF_MACHINES:
                    known[labels] = tuple(a + sign * b for a, b in zip(known[labels], numbers, strict=True))
    return result


def to_json(totals: Totals) -> dict[str, Any]:
    """Return what can be stored: for each family a list of (labels, numbers)."""
    return {
        name: [[list(labels), list(numbers)] for labels, numbers in children.items()]
        for name, children in totals.items() if children
    }  # fmt: skip


def from_json(stored: Mapping[str, Any]) -> dict[str, dict[Labels, Numbers]]:
    return {name: {tuple(labels): tuple(numbers) for labels, numbers in children} for name, children in stored.items()}
