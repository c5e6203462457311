"""Settings of a service that runs."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from e2e.conftest import Service

SOON = 2.0  # seconds in which both processes have taken up a change


def processes(service: Service) -> list[int]:
    return [service.process.pid, *service.children_named("worker")]


def value_of(service: Service, name: str) -> object:
    with service.client() as client:
        return next(item["value"] for item in client.get("/api/ops/settings").json()["items"] if item["name"] == name)


def taken_up(service: Service, words: str, times: int) -> None:
    """Wait until both processes have these words; `times` is how often settings have changed in them by then."""
    deadline = time.monotonic() + SOON
    while value_of(service, "STT__HOTWORDS") != words or service.log().count("settings.changed") < times:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_running_service_takes_up_what_is_saved(tmp_path: Path, serve: Callable[..., Service]) -> None:
    """`.env` counts within two seconds, also for the worker; SIGHUP does no harm to either process."""
    service = serve(LOG__FORMAT="json")
    for process in processes(service):
        os.kill(process, signal.SIGHUP)
    (tmp_path / ".env").write_text("STT__HOTWORDS=Kubernetes\n", encoding="utf-8")
    taken_up(service, "Kubernetes", 2)
    assert service.process.poll() is None
    assert len(service.children_named("worker")) == 1


def test_sighup_has_the_files_read_that_do_not_seem_to_have_changed(
    tmp_path: Path, serve: Callable[..., Service]
) -> None:
    """Whoever restores a file with its old date asks for it: nobody who only looks at the date would notice."""
    file = tmp_path / ".env"
    file.write_text("STT__HOTWORDS=before\n", encoding="utf-8")
    service = serve(LOG__FORMAT="json")
    for process in processes(service):
        os.kill(process, signal.SIGSTOP)  # so that nobody looks while it is written
    before = file.stat()
    file.write_text("STT__HOTWORDS=after\n", encoding="utf-8")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    for process in processes(service):
        os.kill(process, signal.SIGCONT)
        os.kill(process, signal.SIGHUP)
    taken_up(service, "after", 2)
