"""PostgreSQL itself dies and comes back."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from conftest import skip_unless_ci
from e2e.conftest import Service, free_port
from e2e.test_survival import SHORT_WINDOWS, texts, upload, wait_for
from recordings import lecture_wav


@dataclass(frozen=True)
class Cluster:
    """A PostgreSQL server of our own; it runs as another user where we are root, which PostgreSQL refuses to be."""

    programs: Path
    folder: Path
    port: int

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def create(self) -> None:
        self._run("initdb", "-D", str(self.folder), "-U", "postgres", "--auth=trust", "--no-sync")

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder}"
        self._run("pg_ctl", "-D", str(self.folder), "-w", "-l", str(self.folder / "log"), "-o", options, "start")

    def kill(self) -> None:
        """End the server at once, without a word to its clients or a last checkpoint."""
        self._run("pg_ctl", "-D", str(self.folder), "-w", "-m", "immediate", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        subprocess.run([*as_user, str(self.programs / program), *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")  # fmt: skip


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin")) or [
        Path(path).parent for path in [shutil.which("initdb")] if path
    ]
    if not found:
        skip_unless_ci("no PostgreSQL server programs")
    folder = Path(f"/tmp/videochat-cluster-{os.getpid()}-{free_port()}")  # a path that the other user may enter
    folder.mkdir(mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    opened = Cluster(found[-1], folder, free_port())
    opened.create()
    opened.start()
    yield opened
    opened.kill()
    shutil.rmtree(folder)


def test_a_job_outlives_its_database(cluster: Cluster, serve: Callable[..., Service], tmp_path: Path) -> None:
    """PostgreSQL is killed for five seconds in the middle of a job: requests say so, then everything goes on by itself."""
    recording = lecture_wav(tmp_path / "talk.wav", seconds=60)
    service = serve(DATABASE__URL=cluster.url, **SHORT_WINDOWS)
    with service.client() as client:
        media, job = upload(client, recording)
        wait_for(client, job, lambda state: state["progress"] > 0.2)
        before = texts(client, media)
        workers = service.children_named("worker")
        cluster.kill()
        refused = client.get(f"/api/media/{media}")
        assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
        assert refused.headers["retry-after"]
        assert client.get("/health/live").status_code == 200
        assert client.get("/health/ready").status_code == 503
        time.sleep(5)
        cluster.start()
        assert _until_answered(client, f"/api/media/{media}") < 5
        done = wait_for(client, job, lambda state: state["finished_at"] is not None)
        after = texts(client, media)
        assert (done["status"], done["attempts"]) == ("completed", 1)
        assert before
        assert after[: len(before)] == before
        assert [n for n, _ in after] == list(range(len(after)))
        assert "the days become shorter" in " ".join(text for _, text in after)
        assert service.children_named("worker") == workers


def _until_answered(client: httpx.Client, path: str) -> float:
    started = time.monotonic()
    while client.get(path).status_code != 200 and time.monotonic() - started < 10:
        time.sleep(0.1)
    return time.monotonic() - started
