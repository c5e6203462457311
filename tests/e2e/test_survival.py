"""What happens when processes die."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

from e2e.conftest import Service
from recordings import lecture_wav

SHORT_WINDOWS = {"JOBS__FIRST_WINDOW_SECONDS": "5", "JOBS__WINDOW_SECONDS": "10"}


def wait_for(
    client: httpx.Client, job: str, until: Callable[[dict[str, Any]], bool], seconds: float = 60
) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        state = client.get(f"/api/jobs/{job}").json()
        if until(state):
            return state
        time.sleep(0.05)
    raise AssertionError(f"the job is still {state}")


def upload(client: httpx.Client, recording: Path) -> tuple[str, str]:
    media = client.post("/api/media?name=talk.wav", content=recording.read_bytes()).json()
    return media["id"], media["job"]["id"]


def texts(client: httpx.Client, media: str) -> list[tuple[int, str]]:
    segments = client.get(f"/api/media/{media}/transcript").json()["segments"]
    return [(segment["n"], segment["text"]) for segment in segments]


def test_a_killed_worker_is_replaced_and_nothing_is_lost_or_doubled(
    serve: Callable[..., Service], tmp_path: Path
) -> None:
    """A kill -9 of worker and engine in the middle of a job: it completes by itself and says what an undisturbed one says."""
    recording = lecture_wav(tmp_path / "talk.wav", seconds=40)
    service = serve(**SHORT_WINDOWS)
    with service.client() as client:
        media, job = upload(client, recording)
        wait_for(client, job, lambda state: state["progress"] > 0.2)
        before = texts(client, media)
        for pid in service.children():
            os.kill(pid, signal.SIGKILL)
        wait_for(client, job, lambda state: state["status"] == "completed")
        after = texts(client, media)
    assert before == after[: len(before)]
    assert [n for n, _ in after] == list(range(len(after)))
    assert "the days become shorter" in " ".join(text for _, text in after)


def test_a_killed_service_takes_its_children_along_and_resumes(serve: Callable[..., Service], tmp_path: Path) -> None:
    """A kill -9 of the web process leaves no orphan; the next start completes the job without repeating what was published."""
    recording = lecture_wav(tmp_path / "talk.wav", seconds=40)
    first = serve(**SHORT_WINDOWS)
    with first.client() as client:
        media, job = upload(client, recording)
        wait_for(client, job, lambda state: state["progress"] > 0.2)
        before = texts(client, media)
    children = first.children()
    first.kill()
    deadline = time.monotonic() + 10
    while (alive := [pid for pid in children if Path(f"/proc/{pid}").exists()]) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert alive == []
    with serve(**SHORT_WINDOWS).client() as client:
        done = wait_for(client, job, lambda state: state["status"] == "completed")
        assert done["attempts"] == 1
        assert texts(client, media)[: len(before)] == before


def freeze(pid: int, database: Path) -> None:
    """Let the process stand still while it does not write: with SQLite nobody else could then, as long as it stands."""
    while True:
        os.kill(pid, signal.SIGSTOP)
        with closing(sqlite3.connect(database, timeout=0.5, isolation_level=None)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                os.kill(pid, signal.SIGCONT)
                time.sleep(0.05)
            else:
                connection.execute("ROLLBACK")
                return


def test_a_frozen_worker_is_replaced_and_does_no_harm_when_it_thaws(
    serve: Callable[..., Service], tmp_path: Path
) -> None:
    """A worker that stands still loses its windows to another; when it goes on it stops what it had begun, and nothing doubles."""
    recording = lecture_wav(tmp_path / "talk.wav", seconds=60)
    quick = {"JOBS__HEARTBEAT_SECONDS": "0.3", **SHORT_WINDOWS}
    frozen = serve(**quick)
    with frozen.client() as client:
        media, job = upload(client, recording)
        wait_for(client, job, lambda state: state["progress"] > 0.2)
        (worker,) = frozen.children_named("worker")
        freeze(worker, frozen.data / "videochat.db")
        serve(**quick)  # brings a worker of its own to the same queues
        done = wait_for(client, job, lambda state: state["status"] == "completed")
        after = texts(client, media)
        os.kill(worker, signal.SIGCONT)
        time.sleep(2)
        assert texts(client, media) == after
        assert client.get(f"/api/jobs/{job}").json() == done
        assert Path(f"/proc/{worker}").exists()
        again, second = upload(client, lecture_wav(tmp_path / "next.wav", seconds=8))
        wait_for(client, second, lambda state: state["status"] == "completed")
    assert [n for n, _ in after] == list(range(len(after)))
    assert again != media


def test_cancel_ends_the_engine(serve: Callable[..., Service], tmp_path: Path) -> None:
    """After a cancel no engine process is left that works on the job, and what was published stays."""
    recording = lecture_wav(tmp_path / "talk.wav", seconds=60, times=3)
    service = serve(JOBS__FIRST_WINDOW_SECONDS="5", JOBS__WINDOW_SECONDS="120")
    with service.client() as client:
        media, job = upload(client, recording)
        wait_for(client, job, lambda state: state["progress"] > 0.1)  # both engines listen to long windows now
        engines = service.children_named("videochat.transcripts.engine_child")
        assert engines
        assert client.post(f"/api/jobs/{job}/cancel").json()["status"] == "cancelled"
        deadline = time.monotonic() + 2
        while (alive := [pid for pid in engines if Path(f"/proc/{pid}").exists()]) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert alive == []
        assert texts(client, media)
