"""Everything that is counted, in one registry that lives in the App."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
LONG_SECONDS = (1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600)


class Metrics:
    """The service's metrics. Label values come from fixed sets: routes, methods, engines, outcomes."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self.requests = Counter(
            "videochat_http_requests", "Requests answered.", ["method", "route", "status"], registry=registry
        )
        self.request_seconds = Histogram(
            "videochat_http_request_seconds", "Time to answer.", ["route"], buckets=SECONDS, registry=registry
        )
        self.streams = Gauge("videochat_http_streams", "Event streams that are open.", registry=registry)
        self.upload_bytes = Counter("videochat_upload_bytes", "Bytes received in uploads.", registry=registry)
        self.jobs_ended = Counter("videochat_jobs_ended", "Jobs that ended.", ["status"], registry=registry)
        self.windows = Counter("videochat_windows", "Windows transcribed.", ["engine"], registry=registry)
        self.audio_seconds = Counter("videochat_audio_seconds", "Audio transcribed.", ["engine"], registry=registry)
        self.window_seconds = Histogram(
            "videochat_window_seconds", "Time for one window.", ["engine"], buckets=LONG_SECONDS, registry=registry
        )
        self.answers = Counter("videochat_answers", "Answers given.", ["provider", "status"], registry=registry)

        self.settings_reloads = Counter(
            "videochat_settings_reloads", "Changes of the settings, taken or refused.", ["outcome"], registry=registry
        )

    def exposition(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)
