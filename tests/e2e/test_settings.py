"""Settings of a service that runs."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from e2e.conftest import Service


def value_of(service: Service, name: str) -> object:
    with service.client() as client:
        return next(item["value"] for item in client.get("/api/ops/settings").json()["items"] if item["name"] == name)


def test_a_running_service_takes_up_what_is_saved(tmp_path: Path, serve: Callable[..., Service]) -> None:
    """`.env` counts within two seconds, also for the worker; SIGHUP does no harm to either process."""
    service = serve(LOG__FORMAT="json")
    for process in (service.process.pid, *service.children_named("worker")):
        os.kill(process, signal.SIGHUP)
    (tmp_path / ".env").write_text("STT__HOTWORDS=Kubernetes\n", encoding="utf-8")
    deadline = time.monotonic() + 2
    while value_of(service, "STT__HOTWORDS") != "Kubernetes" or service.log().count("settings.changed") < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert service.process.poll() is None
    assert len(service.children_named("worker")) == 1
