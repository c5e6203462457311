"""Machines that share a database and a bucket and nothing else: each has a data folder of its own."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from e2e.conftest import VIDEOCHAT, environment, free_port
from e2e.test_survival import SHORT_WINDOWS, texts, upload, wait_for
from recordings import lecture_wav
from s3 import Bucket


class Machines:
    """Starts a process of the service on a machine of its own, and ends them all."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self._folder = folder
        self._settings = settings
        self._running: list[subprocess.Popen[bytes]] = []

    def web(self) -> httpx.Client:
        """Start a web process and return a client of it when it answers."""
        port = free_port()
        self._start("serve", "--no-worker", "--port", str(port))
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                httpx.get(f"{url}/health/live").raise_for_status()
            except httpx.TransportError:
                time.sleep(0.1)
            else:
                return httpx.Client(base_url=url, timeout=30)
        raise AssertionError(f"no answer: {(self._folder / 'log').read_text()[-2000:]}")

    def worker(self) -> subprocess.Popen[bytes]:
        return self._start("worker")

    def stop(self) -> None:
        for process in self._running:
            process.terminate()
        for process in self._running:
            process.wait(20)

    def _start(self, *command: str) -> subprocess.Popen[bytes]:
        home = self._folder / f"machine-{len(self._running)}"
        home.mkdir()
        with (self._folder / "log").open("ab") as log:
            self._running.append(
                subprocess.Popen(
                    [*VIDEOCHAT, *command], env=environment(home / "data", **self._settings), cwd=home,
                    stdout=subprocess.DEVNULL, stderr=log,
                )
            )  # fmt: skip
        return self._running[-1]


@pytest.fixture
def machines(tmp_path: Path, postgres_url: str, bucket: Bucket) -> Iterator[Machines]:
    opened = Machines(tmp_path, DATABASE__URL=postgres_url, STORAGE__URL=bucket.url, **SHORT_WINDOWS)
    yield opened
    opened.stop()


def test_any_machine_serves_any_request_and_one_may_be_lost(machines: Machines, bucket: Bucket, tmp_path: Path) -> None:
    """What came in at one web process is played, read, found and deleted at another, though a worker's machine is lost meanwhile."""
    recording = lecture_wav(tmp_path / "talk.wav", seconds=40)
    here, lost = machines.web(), machines.worker()
    there = machines.web()
    with here, there:
        media, job = upload(here, recording)
        played = there.get(f"/api/media/{media}/content", headers={"Range": "bytes=1000-1999"})
        assert (played.status_code, played.content) == (206, recording.read_bytes()[1000:2000])
        wait_for(there, job, lambda state: state["progress"] > 0.2)
        before = texts(there, media)
        lost.kill()
        lost.wait(10)
        machines.worker()
        done = wait_for(there, job, lambda state: state["finished_at"] is not None)
        assert (done["status"], done["attempts"]) == ("completed", 1)
        after = texts(here, media)
        assert after == texts(there, media)
        assert after[: len(before)] == before
        assert [n for n, _ in after] == list(range(len(after)))
        for client in (here, there):
            assert client.get("/api/search?q=shorter").json()["items"][0]["media"] == media
        assert here.get(f"/api/media/{media}/waveform").json() == there.get(f"/api/media/{media}/waveform").json()
        assert bucket.objects()
        assert there.delete(f"/api/media/{media}").status_code == 204
        assert here.get(f"/api/media/{media}").status_code == 404
    assert bucket.objects() == []
    # What the killed worker was at lies on its machine until that comes back; the others keep nothing.
    kept = [path for path in tmp_path.glob("machine-*/data/**/*") if path.suffix in {".wav", ".flac"}]
    assert [path for path in kept if not path.is_relative_to(tmp_path / "machine-1")] == []
