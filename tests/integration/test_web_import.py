"""Links over HTTP: who may give them, what is answered, and what can be done with a recording that is on its way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from recordings import lecture_wav
from videochat.app import App, open_app
from videochat.settings import Settings
from videochat.web.server import create_api
from website import Page, Website, website


@pytest.fixture
async def app(database_url: str, tmp_path: Path) -> AsyncIterator[App]:
    settings = Settings(
        data_dir=tmp_path / "data", database={"url": database_url}, stt={"engine": "pocketsphinx"},
        download={"allow_private": True, "retries": 0},
    )  # fmt: skip
    async with open_app(settings) as opened:
        yield opened


@pytest.fixture
async def client(app: App) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_api(app))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=60) as opened:
        yield opened


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Website]:
    with website(talk__wav=Page(lecture_wav(tmp_path / "talk.wav", seconds=4).read_bytes(), "audio/x-wav")) as opened:
        yield opened


async def ask_for(client: httpx.AsyncClient, url: str, **choices: object) -> httpx.Response:
    return await client.post("/api/media/import", json={"url": url, **choices})


async def test_a_link_is_answered_with_its_job(client: httpx.AsyncClient, app: App, there: Website) -> None:
    """The recording is listed at once, without hash and content; the same stream of events tells of it until it is ready."""
    answer = await ask_for(client, there.url("/talk.wav"), priority="high")
    job = answer.json()
    assert (answer.status_code, job["status"], job["priority"]) == (202, "queued", "high")
    (media,) = (await client.get("/api/media")).json()["items"]
    assert (media["id"], media["sha256"], media["kind"], media["status"]) == (
        job["media_id"],
        None,
        "unknown",
        "processing",
    )
    content = await client.get(f"/api/media/{media['id']}/content")
    assert (content.status_code, content.json()["code"]) == (404, "not_fetched")
    again = await client.post(f"/api/media/{media['id']}/transcription", json={"beam_size": 2})
    assert (again.status_code, again.json()["code"]) == (409, "not_fetched")
    worker = app.worker()
    await worker.start()
    told = (await client.get(f"/api/jobs/{job['id']}/events")).text
    await worker.stop()
    assert '"step": "fetch"' in told or '"step":"fetch"' in told
    ready = (await client.get(f"/api/media/{media['id']}")).json()
    assert (ready["status"], ready["kind"], ready["name"]) == ("ready", "audio", "talk.wav")
    whole = await client.get(f"/api/media/{media['id']}/content")
    assert whole.content == there.pages["/talk.wav"].body


@pytest.mark.parametrize("url", ["", "/etc/passwd", "file:///etc/passwd", "http://", "https://me:secret@example.org/a"])
async def test_what_is_no_link_is_refused(client: httpx.AsyncClient, url: str) -> None:
    """With a reason, and nothing is left in the library."""
    answer = await ask_for(client, url)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert "secret" not in answer.text
    assert (await client.get("/api/media")).json()["items"] == []


async def test_a_link_is_told_to_its_owner(client: httpx.AsyncClient, there: Website) -> None:
    """Who gave it finds it again; what is shown of the recording as its name holds no more than host and file name."""
    link = there.url("/talk.wav?token=s3cret")
    job = (await ask_for(client, link)).json()
    assert job["link"] == link
    (media,) = (await client.get("/api/media")).json()["items"]
    assert (media["name"], media["job"]["link"]) == ("127.0.0.1: talk.wav", link)


async def test_the_same_link_is_tried_again_instead_of_twice(client: httpx.AsyncClient, there: Website) -> None:
    """What was cancelled or failed before it had its content begins again under the same job."""
    job = (await ask_for(client, there.url("/talk.wav"))).json()
    await client.post(f"/api/jobs/{job['id']}/cancel")
    again = (await ask_for(client, there.url("/talk.wav"))).json()
    assert (again["id"], again["status"], again["attempts"]) == (job["id"], "queued", 2)
    assert len((await client.get("/api/media")).json()["items"]) == 1


async def test_it_can_be_cancelled_and_deleted(client: httpx.AsyncClient, there: Website) -> None:
    """What has not come yet goes like anything else."""
    job = (await ask_for(client, there.url("/talk.wav"))).json()
    await client.post(f"/api/jobs/{job['id']}/cancel")
    (media,) = (await client.get("/api/media")).json()["items"]
    assert (media["status"], media["job"]["status"]) == ("expected", "cancelled")
    assert (await client.delete(f"/api/media/{media['id']}")).status_code == 204
    assert (await client.get("/api/media")).json()["items"] == []
    assert there.asked == []
