"""What a collector of traces was sent, in plain words."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from receiver import Receiver


@dataclass(frozen=True, slots=True)
class SentSpan:
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    failed: bool
    about: dict[str, Any]


def spans(collector: Receiver) -> list[SentSpan]:
    """Return the spans that it has received so far."""
    return [span for one in collector.received if one.path == "/v1/traces" for span in _spans(one.body, one.headers)]


def _spans(body: bytes, headers: dict[str, str]) -> Iterator[SentSpan]:
    message = ExportTraceServiceRequest()
    message.ParseFromString(gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body)
    for resource in message.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                about = {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in span.attributes}
                yield SentSpan(
                    span.name, span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex(),
                    span.status.code == 2, about,
                )  # fmt: skip
