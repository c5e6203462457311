"""Stopping a service as a service manager does."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from e2e.conftest import VIDEOCHAT, Service, environment, free_port
from e2e.test_survival import upload, wait_for
from recordings import lecture_wav


def test_a_terminal_shows_the_address_below_the_lines_of_starting(tmp_path: Path) -> None:
    """Once server and worker are ready the last thing said is where the page is; elsewhere the log is all there is."""
    port, (terminal, stdout) = free_port(), pty.openpty()
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [*VIDEOCHAT, "serve"], env=environment(tmp_path / "data", SERVER__PORT=str(port)), cwd=tmp_path,
            stdin=subprocess.DEVNULL, stdout=stdout, stderr=log,
        )  # fmt: skip
    os.close(stdout)
    shown = os.read(terminal, 1000).decode()
    assert f"on http://127.0.0.1:{port} – Ctrl-C stops the service." in shown
    components = httpx.get(f"http://127.0.0.1:{port}/health/ready").json()["components"]
    assert components["workers"]["alive"] == 1
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    os.close(terminal)
    assert "Ctrl-C" not in (tmp_path / "log").read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_service_leaves_no_process_and_a_clear_status(
    serve: Callable[..., Service], tmp_path: Path, number: signal.Signals
) -> None:
    """In the middle of a job: the exit status is 0, worker and engine are gone with the service, the job goes on later."""
    recording = lecture_wav(tmp_path / "talk.wav", 60, 2)
    service = serve(JOBS__DRAIN_SECONDS="1")
    with service.client() as client:
        media, job = upload(client, recording)
        wait_for(client, job, lambda state: state["step"] == "transcribe")
    children = service.children()
    started = time.monotonic()
    service.process.send_signal(number)
    assert service.process.wait(20) == 0
    assert time.monotonic() - started < 8
    told = [line for line in service.log().splitlines() if "serve.stopping" in line]
    assert ['"at_most_seconds": 6.0' in line for line in told] == [True]
    assert [pid for pid in children if Path(f"/proc/{pid}").exists()] == []
    with serve().client() as client:
        wait_for(client, job, lambda state: state["status"] == "completed")
        assert client.get(f"/api/media/{media}").json()["status"] == "ready"
