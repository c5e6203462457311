"""A disk that is full, for real: a service whose data folder lies on a few megabytes."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conftest import skip_unless_ci
from e2e.conftest import Service, start_service
from e2e.test_survival import texts, wait_for
from recordings import lecture_wav

DISK = "12m"
RESERVE = 4 * 1024**2
BLOCK = 4096


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give an empty folder on a disk of 12 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "none", str(folder)]
    if subprocess.run(mounting, capture_output=True, check=False).returncode != 0:
        skip_unless_ci("mounting a small disk needs more rights")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def start(small_disk: Path) -> Iterator[Callable[..., Service]]:
    started: list[Service] = []

    def on_small_disk(**settings: str) -> Service:
        started.append(start_service(small_disk, **settings))
        return started[-1]

    yield on_small_disk
    for service in started:
        service.process.terminate()
        service.process.wait(20)


def fill(disk: Path, leave: int) -> Path:
    """Write a file that leaves so many bytes free, and return it."""
    filler = disk / "filler"
    free = int(subprocess.check_output(["df", "--output=avail", "-B1", str(disk)], text=True).splitlines()[1])
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):  # the service writes meanwhile, too
        for _ in range((free - leave) // BLOCK):
            file.write(b"\0" * BLOCK)
        while not leave:
            file.write(b"\0" * BLOCK)
    return filler


def stored(disk: Path) -> list[Path]:
    """Return the files of recordings, whole or not."""
    return [path for folder in ("blobs", "uploads") for path in (disk / folder).rglob("*") if path.is_file()]


def test_uploads_are_refused_and_jobs_wait_until_there_is_space(
    start: Callable[..., Service], small_disk: Path, tmp_path: Path
) -> None:
    """With less than the reserve left nothing is taken in and nothing breaks; with space again the job goes on by itself."""
    large, small = lecture_wav(tmp_path / "large.wav", 60, 5), lecture_wav(tmp_path / "small.wav", 14)
    service = start(STORAGE__RESERVE_BYTES=str(RESERVE))
    with service.client() as client:
        refused = client.post("/api/media?name=large.wav", content=large.read_bytes())
        assert (refused.status_code, refused.json()["code"]) == (507, "storage_full")
        assert stored(small_disk) == []
        media = client.post("/api/media?name=small.wav&process=false", content=small.read_bytes()).json()
        filler = fill(small_disk, RESERVE - 500_000)
        job = client.post(f"/api/media/{media['id']}/transcription", json={}).json()["id"]
        wait_for(client, job, lambda state: state["step"] == "no_space")
        assert client.get("/api/media").status_code == 200
        filler.unlink()
        wait_for(client, job, lambda state: state["status"] == "completed")
        assert "color" in " ".join(text for _, text in texts(client, media["id"]))


def test_a_disk_that_others_filled_to_the_last_byte_strands_no_job(
    start: Callable[..., Service], small_disk: Path, tmp_path: Path
) -> None:
    """When not even the databases can write, the service stays up, and the job completes by itself once they can."""
    speech = lecture_wav(tmp_path / "speech.wav", 60, 2)
    service = start(STORAGE__RESERVE_BYTES="0", JOBS__FIRST_WINDOW_SECONDS="5", JOBS__WINDOW_SECONDS="10")
    with service.client() as client:
        media = client.post("/api/media?name=speech.wav", content=speech.read_bytes()).json()
        job = media["job"]["id"]
        wait_for(client, job, lambda state: state["progress"] > 0)
        filler = fill(small_disk, 0)
        refused = client.post("/api/media?name=more.wav", content=b"RIFF" + b"\1" * 3_000_000)
        assert (refused.status_code, refused.json()["code"]) == (507, "storage_full")
        wait_for(client, job, lambda _: bool(service.log().count("storage_full")))
        filler.unlink()
        ended = wait_for(client, job, lambda state: state["status"] in {"completed", "failed"}, seconds=180)
        assert (ended["status"], ended["attempts"]) == ("completed", 1)
        numbers = [n for n, _ in texts(client, media["id"])]
        assert numbers == list(range(len(numbers)))
