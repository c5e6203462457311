"""Ctrl-C while a command works."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from e2e.conftest import VIDEOCHAT, Service, environment
from recordings import lecture_wav


def begin(data: Path, recording: Path, **settings: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*VIDEOCHAT, "transcribe", str(recording)], env=environment(data, **settings), cwd=data.parent,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finished_windows(data: Path) -> list[tuple[str, str]]:
    """Return key and time of what was heard to the end so far."""
    try:
        with sqlite3.connect(f"file:{data / 'videochat.db'}?mode=ro", uri=True) as database:
            query = "SELECT key, created_at FROM artefacts WHERE kind = 'window-transcript' ORDER BY created_at"
            return database.execute(query).fetchall()
    except sqlite3.OperationalError:  # there is none yet
        return []


def wait_until(ready: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_ctrl_c_keeps_what_is_finished_and_the_same_command_goes_on(tmp_path: Path) -> None:
    """Exit status 130 and one line that is true: windows that were finished are not listened to again."""
    data, recording = tmp_path / "data", lecture_wav(tmp_path / "talk.wav", seconds=20, times=2)
    settings = {"JOBS__FIRST_WINDOW_SECONDS": "5", "JOBS__WINDOW_SECONDS": "10", "JOBS__CONCURRENCY": "1"}
    process = begin(data, recording, **settings)
    wait_until(lambda: finished_windows(data))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines() == [
        "videochat: stopped; the parts that are finished are kept, and the same command goes on from there."
    ]
    kept = finished_windows(data)
    again = begin(data, recording, **settings)
    out, _ = again.communicate(timeout=60)
    assert again.returncode == 0
    assert "green chemical" in out
    assert finished_windows(data)[: len(kept)] == kept
    assert len(finished_windows(data)) > len(kept)


def test_ctrl_c_leaves_a_running_service_at_its_work(tmp_path: Path, serve: Callable[..., Service]) -> None:
    """Where a worker lives the command only waits, and says that the work goes on."""
    service = serve()
    recording = lecture_wav(tmp_path / "talk.wav", seconds=20, times=2)
    process = begin(service.data, recording)
    with service.client() as client:
        wait_until(lambda: client.get("/api/jobs").json()["items"])
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
        assert process.returncode == 130
        assert "a running worker goes on" in err
        wait_until(lambda: client.get("/api/jobs").json()["items"][0]["status"] == "completed")
