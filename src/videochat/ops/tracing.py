"""Spans: what took how long, from a request to the steps of the job that it began. Nothing of it costs anything when unset."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from importlib import import_module
from types import MappingProxyType, TracebackType
from typing import Literal, Protocol, Self

from videochat.errors import ConfigurationError
from videochat.sections import TracesSettings

ADAPTER = "videochat.ops.otel"
TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")
TRACE_PARENT = re.compile(r"00-((?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

Value = str | int | float
Kind = Literal["server", "internal", "client"]


class Span(Protocol):
    """Something that goes on now."""

    def set(self, **attributes: Value) -> None: ...

    def rename(self, name: str) -> None: ...


class Tracer(Protocol):
    """Makes spans. Those of one request id are of one trace, in whatever process they are."""

    def span(
        self,
        name: str,
        request_id: str | None,
        about: Mapping[str, Value] = MappingProxyType({}),
        *,
        kind: Kind = "internal",
        parent: str | None = None,
    ) -> AbstractContextManager[Span]:
        """Let the block be a span; an exception that leaves it makes it a failed one, under its code.

        Spans that begin within it, in its task or in tasks that it starts, are below it, but for those of the kind `server`:
        these begin something, below `parent` if somebody sent such a `traceparent`.
        """
        ...

    async def close(self) -> None:
        """Send what has not been sent."""
        ...


class NoTracer:
    """Where nobody traces: one span, which does nothing."""

    def span(
        self,
        name: str,
        request_id: str | None,
        about: Mapping[str, Value] = MappingProxyType({}),
        *,
        kind: Kind = "internal",
        parent: str | None = None,
    ) -> AbstractContextManager[Span]:
        del name, request_id, about, kind, parent
        return NOTHING

    async def close(self) -> None:
        """Nothing is open."""


class _Nothing:
    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def set(self, **attributes: Value) -> None: ...

    def rename(self, name: str) -> None: ...


NOTHING = _Nothing()


def load_tracer(traces: TracesSettings) -> Tracer:
    """Return what sends spans to TRACES__ENDPOINT, if it is set. Raises ConfigurationError."""
    if traces.endpoint is None:
        return NoTracer()
    try:
        adapter = import_module(ADAPTER)  # only where videochat[otel] is installed
    except ImportError as error:
        raise ConfigurationError(
            "TRACES__ENDPOINT is set, but what sends traces is not installed: pip install 'videochat[otel]'."
        ) from error
    tracer: Tracer = adapter.OpenTelemetry.from_settings(traces)
    return tracer


def trace_id_of(request_id: str) -> int:
    """Return the id of the trace that a request's spans are of, the same in every process that knows the request id.

    So a job's row, which holds the request id, is all that a worker needs. One that is a trace id stands for itself.
    """
    known = TRACE_ID.fullmatch(request_id) is not None
    return int(request_id if known else hashlib.sha256(request_id.encode()).hexdigest()[:32], 16)


def trace_id_in(traceparent: str) -> str | None:
    """Return the trace id of the header (https://www.w3.org/TR/trace-context/), None when it is none."""
    found = TRACE_PARENT.fullmatch(traceparent)
    return found[1] if found else None
