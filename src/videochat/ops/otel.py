"""Spans by OpenTelemetry, sent as OTLP over HTTP; loaded only where TRACES__ENDPOINT is set."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType, TracebackType
from typing import Self

import structlog
from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from videochat import __version__
from videochat.errors import ConfigurationError, VideoChatError
from videochat.ops.threads import beside
from videochat.ops.tracing import Kind, Value, trace_id_of
from videochat.sections import TracesSettings

log = structlog.get_logger(__name__)

SEND_SECONDS = 5.0
CLOSE_SECONDS = 3.0
KINDS = {"server": trace.SpanKind.SERVER, "internal": trace.SpanKind.INTERNAL, "client": trace.SpanKind.CLIENT}


class OpenTelemetry:
    """Sends spans in batches from a thread of its own; what a collector does not take in time is dropped."""

    def __init__(self, exporter: SpanExporter, sample_ratio: float) -> None:
        about: dict[str, str | int] = {
            "service.name": "videochat",
            "service.version": __version__,
            "host.name": socket.gethostname(),
            "process.pid": os.getpid(),
        }
        self._ids = _Ids()
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(sample_ratio)),
            resource=Resource.create({**about}),
            shutdown_on_exit=False,
            id_generator=self._ids,
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("videochat", __version__)

    @classmethod
    def from_settings(cls, traces: TracesSettings) -> Self:
        """Ask nobody yet. Raises ConfigurationError for headers that are none."""
        headers = traces.headers.get_secret_value() if traces.headers else ""
        pairs = [pair.partition("=") for pair in headers.split(",") if pair.strip()]
        if not all(name.strip() and value for name, _, value in pairs):
            raise ConfigurationError("TRACES__HEADERS is written name=value,name=value.")
        return cls(
            OTLPSpanExporter(
                f"{str(traces.endpoint).rstrip('/')}/v1/traces",
                headers={name.strip(): value.strip() for name, _, value in pairs},
                timeout=SEND_SECONDS,
            ),
            traces.sample_ratio,
        )

    def span(
        self,
        name: str,
        request_id: str | None,
        about: Mapping[str, Value] = MappingProxyType({}),
        *,
        kind: Kind = "internal",
        parent: str | None = None,
    ) -> _Open:
        context = None
        if kind == "server":  # what is around it is of the request before, on the same connection
            context = TraceContextTextMapPropagator().extract({"traceparent": parent or ""}, Context())
        with self._ids.of_trace(trace_id_of(request_id) if request_id else None):
            span = self._tracer.start_span(name, context, KINDS[kind])
        opened = _Open(span)
        opened.set(**about, **({"request_id": request_id} if request_id else {}))
        return opened

    async def close(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):  # a collector that hangs must not hold up the end
                await beside(self._provider.shutdown, crashed=None, name="traces-closing")
        except TimeoutError:
            log.warning("traces.unsent")


class _Open:
    """A span as a context manager, and as what is going on within."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def set(self, **attributes: Value) -> None:
        self._span.set_attributes({f"videochat.{name}": value for name, value in attributes.items()})

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def __enter__(self) -> Self:
        self._token = attach(trace.set_span_in_context(self._span))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        detach(self._token)
        if isinstance(error, Exception):  # who was cancelled has not failed
            # What it says, and where it was, is for the log, which blanks secrets.
            code = error.reason if isinstance(error, VideoChatError) else type(error).__name__
            self._span.set_status(trace.StatusCode.ERROR)
            self._span.set_attribute("error.type", code)
        self._span.end()


class _Ids(RandomIdGenerator):
    """Random ids, but of traces that are known by something else."""

    def __init__(self) -> None:
        self._trace_id: ContextVar[int | None] = ContextVar("trace_id", default=None)

    @contextmanager
    def of_trace(self, trace_id: int | None) -> Iterator[None]:
        token = self._trace_id.set(trace_id)
        yield
        self._trace_id.reset(token)

    def generate_trace_id(self) -> int:
        return self._trace_id.get() or super().generate_trace_id()
