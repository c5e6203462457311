"""What a service is watched by: what is counted, and what is traced."""

from __future__ import annotations

from dataclasses import dataclass, field

from videochat.ops.metrics import Metrics
from videochat.ops.tracing import NoTracer, Tracer


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Both together; by itself it counts for nobody and traces nothing."""

    metrics: Metrics = field(default_factory=Metrics)
    tracer: Tracer = field(default_factory=NoTracer)
