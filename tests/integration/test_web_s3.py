"""The whole service on a bucket: nothing of a recording stays on the machine that worked on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from recordings import lecture_wav
from s3 import Bucket
from videochat.app import App, open_app
from videochat.settings import Settings
from videochat.web.server import create_api


@pytest.fixture
async def app(bucket: Bucket, tmp_path: Path) -> AsyncIterator[App]:
    settings = Settings(
        data_dir=tmp_path / "data",
        storage={"url": bucket.url},
        stt={"engine": "pocketsphinx"},
        jobs={"first_window_seconds": 5, "window_seconds": 10},
    )
    async with open_app(settings) as opened:
        worker = opened.worker()
        await worker.start()
        yield opened
        await worker.stop()


@pytest.fixture
async def client(app: App) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_api(app))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=60) as opened:
        yield opened


async def test_a_recording_lives_in_the_bucket(
    client: httpx.AsyncClient, app: App, bucket: Bucket, tmp_path: Path
) -> None:
    """From upload to transcript, playing from any point, and gone without a trace when it is deleted."""
    speech = lecture_wav(tmp_path / "speech.wav", seconds=12).read_bytes()
    assert (await client.get("/health/ready")).json()["components"]["blobs"] == {"status": "ok"}
    media = (await client.post("/api/media?name=lesson.wav", content=speech)).json()
    await client.get(f"/api/jobs/{media['job']['id']}/events")  # ends with the job
    assert (await client.get(f"/api/media/{media['id']}")).json()["status"] == "ready"

    transcript = (await client.get(f"/api/media/{media['id']}/transcript")).json()
    assert "leaves" in " ".join(segment["text"] for segment in transcript["segments"])
    kinds = [key.split("/")[2] for key in bucket.objects()]
    assert (kinds.count("media"), kinds.count("windows")) == (1, len(kinds) - 1)
    assert len(kinds) > 2

    content = f"/api/media/{media['id']}/content"
    assert (await client.get(content)).content == speech
    part = await client.get(content, headers={"Range": "bytes=1000-1999"})
    assert (part.status_code, part.content) == (206, speech[1000:2000])
    assert part.headers["content-range"] == f"bytes 1000-1999/{len(speech)}"

    assert (await client.delete(f"/api/media/{media['id']}")).status_code == 204
    assert (bucket.objects(), bucket.unfinished()) == ([], [])
    assert {path.name for path in app.settings.data_dir.iterdir() if "videochat.db" not in path.name} == {"uploads"}
    assert not any((app.settings.data_dir / "uploads").iterdir())
