"""One server after the other is restarted, while people look on."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from e2e.conftest import Service
from e2e.test_survival import upload
from recordings import lecture_wav


def events(service: Service, job: str, after: int = 0) -> Iterator[tuple[int, str]]:
    """Yield number and kind of each event of the job's stream, for as long as the service sends it."""
    headers = {"Last-Event-ID": str(after)} if after else {}
    number = 0
    with service.client() as client, client.stream("GET", f"/api/jobs/{job}/events", headers=headers) as answer:
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            number = int(value) if name == "id" else number
            if name == "event":
                kind = value
            elif not line and number > after:
                yield number, kind
                after = number


def test_no_event_is_lost_while_a_server_is_restarted(serve: Callable[..., Service], tmp_path: Path) -> None:
    """A service that is told to stop ends its streams in order, and another one goes on with each where it was left."""
    first, second = serve(JOBS__DRAIN_SECONDS="1"), serve()
    with first.client() as client:
        _, job = upload(client, lecture_wav(tmp_path / "talk.wav", 60, 2))
    told = []
    for event in events(first, job):
        told.append(event)
        if len(told) == 3:
            stopping = time.monotonic()
            first.process.send_signal(signal.SIGTERM)
    assert first.process.wait(20) == 0
    assert time.monotonic() - stopping < 8
    assert told[-1][1] != "end"
    told += events(second, job, after=told[-1][0])
    numbers = [number for number, _ in told]
    assert numbers == sorted(set(numbers))
    assert told[-1][1] == "end"
    # Of states that later ones replaced the table keeps none.
    assert {*events(second, job)} <= {*told}
    with second.client() as client:
        assert client.get(f"/api/jobs/{job}").json()["status"] == "completed"
