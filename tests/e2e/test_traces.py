"""One trace from the upload, through the worker, to a collector."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from e2e.conftest import Service
from e2e.test_survival import wait_for
from receiver import receiver
from recordings import lecture_wav
from spans import spans
from videochat.ops.tracing import trace_id_of


async def test_the_steps_of_a_job_are_of_its_requests_trace(serve: Callable[..., Service], tmp_path: Path) -> None:
    """Two processes, one trace: the upload in one, every step of its job in the other, with the job's id."""
    recording = lecture_wav(tmp_path / "talk.wav", seconds=8).read_bytes()

    def transcribe(service: Service) -> str:
        with service.client() as client:
            uploaded = client.post("/api/media?name=talk.wav", content=recording, headers={"X-Request-ID": "upload-1"})
            job: str = uploaded.json()["job"]["id"]
            wait_for(client, job, lambda state: state["status"] == "completed")
        service.process.terminate()
        service.process.wait(20)
        return job

    async with receiver() as collector:
        service = await asyncio.to_thread(serve, TRACES__ENDPOINT=f"http://{collector.address}")
        job = await asyncio.to_thread(transcribe, service)
    trace = [span for span in spans(collector) if span.trace_id == f"{trace_id_of('upload-1'):032x}"]
    steps = {f"step {name}" for name in ("prepare", "decode", "transcribe", "finish")}
    assert {span.name for span in trace} == {"POST /api/media", *steps}
    assert {span.about["videochat.job"] for span in trace if span.name.startswith("step")} == {job}
    assert {span.about["videochat.request_id"] for span in trace} == {"upload-1"}
    assert not any(span.failed for span in trace)
