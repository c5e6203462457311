"""Traces, sent to a collector on this machine: which spans there are, whose they are, and what is not in them."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from fake_provider import FakeProvider
from library import add_recording
from receiver import HANG, Receiver, receiver
from spans import SentSpan, spans
from videochat.app import App, open_app
from videochat.errors import ConfigurationError, ProviderDeniedError
from videochat.ops.tracing import NOTHING, NoTracer, load_tracer, trace_id_in, trace_id_of
from videochat.sections import TracesSettings
from videochat.settings import Settings
from videochat.web.server import create_api
from waiting import until

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
QUESTION = "What do leaves do with chlorophyll?"


@asynccontextmanager
async def opened(collector: Receiver, folder: Path, **traces: object) -> AsyncIterator[tuple[App, httpx.AsyncClient]]:
    settings = Settings(data_dir=folder, traces={"endpoint": f"http://{collector.address}", **traces})
    async with open_app(settings) as app:
        transport = httpx.ASGITransport(create_api(app), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            yield app, client


def named(collector: Receiver, name: str) -> SentSpan:
    (found,) = [span for span in spans(collector) if span.name == name]
    return found


async def test_a_request_is_a_span(tmp_path: Path) -> None:
    """With route, status and request id, in the trace that the request id stands for; health checks are none."""
    headers = "x-tenant=me, authorization=Bearer t0ken"
    async with receiver() as collector, opened(collector, tmp_path, headers=headers) as (_, client):
        answer = await client.get("/api/media/none", headers={"X-Request-ID": "mine"})
        await client.get("/health/live")
    (span,) = spans(collector)
    assert answer.headers["x-request-id"] == "mine"
    assert (span.name, span.trace_id, span.parent_id) == (
        "GET /api/media/{media_id}",
        f"{trace_id_of('mine'):032x}",
        "",
    )
    assert span.about == {
        "videochat.request_id": "mine", "videochat.status": 404, "videochat.route": "/api/media/{media_id}",
    }  # fmt: skip
    sent = collector.received[0].headers
    assert (sent["x-tenant"], sent["authorization"]) == ("me", "Bearer t0ken")


async def test_somebody_elses_trace_goes_on(tmp_path: Path) -> None:
    """The span is below the one in `traceparent`, and the trace's id is the request's, so that jobs are of it too."""
    async with receiver() as collector, opened(collector, tmp_path) as (_, client):
        answer = await client.get("/api/media", headers={"traceparent": PARENT})
        await client.get("/api/jobs", headers={"traceparent": "00-nonsense"})
    span = named(collector, "GET /api/media")
    assert (span.trace_id, span.parent_id) == (TRACE, "b7ad6b7169203331")
    assert answer.headers["x-request-id"] == TRACE
    assert f"{trace_id_of(TRACE):032x}" == TRACE
    assert named(collector, "GET /api/jobs").parent_id == ""


async def test_the_provider_is_asked_below_the_request(tmp_path: Path) -> None:
    """Its span says who was asked and how it failed; questions and what errors say are in none."""
    async with receiver() as collector, opened(collector, tmp_path) as (app, client):
        await add_recording(app.database, "m1", "Leaves are green because of chlorophyll.")
        app.answers.use(FakeProvider([ProviderDeniedError("secret words")]), app.settings.ai)
        answer = (await client.post("/api/answers", json={"question": QUESTION, "media": ["m1"]})).json()

        async def failed() -> bool:
            return (await client.get(f"/api/answers/{answer['id']}")).json()["status"] == "failed"

        await until(failed)
    asked, request = named(collector, "provider fake"), named(collector, "POST /api/answers")
    assert (asked.trace_id, asked.parent_id) == (request.trace_id, request.span_id)
    assert (asked.failed, asked.about["error.type"]) == (True, "provider_denied")
    assert asked.about["videochat.answer"] == answer["id"]
    sent = b"".join(one.body for one in collector.received)
    assert b"chlorophyll" not in sent
    assert b"secret words" not in sent


async def test_what_is_not_sampled_is_not_sent(tmp_path: Path) -> None:
    """With a share of nothing no collector is asked."""
    async with receiver() as collector, opened(collector, tmp_path, sample_ratio=0) as (_, client):
        await client.get("/api/media")
    assert collector.received == []


async def test_a_collector_that_hangs_holds_up_nobody(tmp_path: Path) -> None:
    """Requests go on, and the end waits only so long for what has not been sent."""
    async with receiver(HANG) as collector:
        async with opened(collector, tmp_path) as (_, client):
            assert (await client.get("/api/media")).status_code == 200
            ending = time.monotonic()
        assert time.monotonic() - ending < 6


async def test_a_collector_that_is_gone_is_no_error(tmp_path: Path) -> None:
    """Nobody who asks for something notices."""
    async with receiver() as gone:
        pass
    async with opened(gone, tmp_path) as (_, client):
        assert (await client.get("/api/media")).status_code == 200


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said when the service starts, not when the first span is lost."""
    monkeypatch.delitem(sys.modules, "videochat.ops.otel", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(ConfigurationError, match=r"videochat\[otel\]"):
        load_tracer(TracesSettings(endpoint="http://127.0.0.1:4318"))


def test_headers_that_are_none_are_refused() -> None:
    """Without repeating them."""
    with pytest.raises(ConfigurationError, match="TRACES__HEADERS") as refused:
        load_tracer(TracesSettings.model_validate({"endpoint": "http://127.0.0.1:4318", "headers": "t0ken"}))
    assert "t0ken" not in refused.value.message


def test_where_nobody_traces_nothing_is_loaded() -> None:
    """Neither the library nor our adapter is imported, and every span is the same one that does nothing."""
    code = (
        "import sys, videochat.app, videochat.web.server\n"
        "from videochat.ops.tracing import load_tracer\n"
        "from videochat.sections import TracesSettings\n"
        "load_tracer(TracesSettings())\n"
        "print([name for name in sys.modules if name.startswith(('opentelemetry.sdk', 'videochat.ops.otel'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert NoTracer().span("x", None) is NOTHING


@pytest.mark.parametrize(
    ("header", "trace"),
    [
        (PARENT, TRACE),
        ("", None),
        (f"00-{'0' * 32}-b7ad6b7169203331-01", None),
        (PARENT.upper(), None),
        (f"x{PARENT}", None),
    ],
)
def test_only_what_is_a_traceparent_is_one(header: str, trace: str | None) -> None:
    """Anything else leaves the request an id of its own."""
    assert trace_id_in(header) == trace
