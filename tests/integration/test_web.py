"""The API over real services: real database, real blobs, real worker, real (basic) recogniser."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from recordings import lecture_wav
from videochat.app import App, open_app
from videochat.errors import ProviderUnavailableError
from videochat.ops.breaker import FAILURES
from videochat.settings import Settings
from videochat.store import events
from videochat.store.feed import EventFeed
from videochat.web.server import create_api

BASE = "http://127.0.0.1"


@pytest.fixture
async def app(database_url: str, tmp_path: Path) -> AsyncIterator[App]:
    settings = Settings(
        data_dir=tmp_path / "data",
        database={"url": database_url},
        server={"max_upload_bytes": 25_000_000},
        stt={"engine": "pocketsphinx"},
    )
    async with open_app(settings) as opened:
        yield opened


@pytest.fixture
async def client(app: App) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(create_api(app)), base_url=BASE, timeout=60) as opened:
        yield opened


@pytest.fixture
async def working(app: App) -> AsyncIterator[None]:
    worker = app.worker()
    await worker.start()
    yield
    await worker.stop()


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return lecture_wav(tmp_path_factory.mktemp("speech") / "speech.wav").read_bytes()


def events_of(stream: str) -> list[tuple[str, dict[str, Any]]]:
    """Return (event, data) of each server-sent event in the text of a stream."""
    found = []
    for block in stream.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and not line.startswith(":"))
        if "data" in fields:
            found.append((fields.get("event", "message"), json.loads(fields["data"])))
    return found


async def test_from_upload_to_a_cited_answer(client: httpx.AsyncClient, working: None, speech: bytes) -> None:
    """A recording becomes a transcript that can be read, exported, searched and asked, with a citation at the right second."""
    media = (await client.post("/api/media?name=lesson.wav", content=speech)).json()
    assert (media["name"], media["kind"], media["job"]["status"]) == ("lesson.wav", "audio", "queued")

    events = events_of((await client.get(f"/api/jobs/{media['job']['id']}/events")).text)
    assert [name for name, _ in events][-1] == "end"
    assert events[-1][1]["status"] == "completed"
    assert ("segments", media["id"]) in [(name, data.get("media_id")) for name, data in events]

    transcript = (await client.get(f"/api/media/{media['id']}/transcript")).json()
    words = " ".join(segment["text"] for segment in transcript["segments"])
    assert "colors of the leaves" in words
    assert (transcript["status"], transcript["basic"], transcript["next"]) == ("complete", True, None)
    srt = await client.get(f"/api/media/{media['id']}/transcript?format=srt")
    assert srt.text.startswith("1\n00:00:0")
    assert srt.headers["x-transcript-note"].startswith("Transcribed by the basic offline recogniser (pocketsphinx)")
    assert (await client.get(f"/api/media/{media['id']}")).json()["status"] == "ready"
    assert (await client.get(f"/api/media/{media['id']}/waveform")).json()["duration"] == pytest.approx(4, abs=0.1)

    hits = (await client.get("/api/search?q=leaves")).json()["items"]
    assert hits[0]["media"] == media["id"]
    assert "<mark>leaves</mark>" in hits[0]["text"]

    asked = await client.post("/api/answers", json={"question": "What are the colors of?", "media": [media["id"]]})
    assert asked.status_code == 202
    events = events_of((await client.get(f"/api/answers/{asked.json()['id']}/events")).text)
    answer = events[-1][1]
    assert (answer["status"], answer["citations"][0]["check"]) == ("completed", "verified")
    assert 0 <= answer["citations"][0]["start"] < 4
    assert "".join(data["text"] for name, data in events if name == "text") == answer["text"]


async def test_the_same_content_is_recognised(client: httpx.AsyncClient, speech: bytes) -> None:
    """The second upload, raw, as a form or as a hash without a body, is the first medium again."""
    first = await client.post("/api/media?name=a.wav&process=false", content=speech)
    again = await client.post("/api/media?process=false", files={"file": ("b.wav", speech)})
    known = await client.post(f"/api/media?process=false&sha256={first.json()['sha256'].upper()}")
    assert first.json()["id"] == again.json()["id"] == known.json()["id"]
    assert [response.headers.get("x-already-known") for response in (first, again, known)] == [None, "true", "true"]
    assert len((await client.get("/api/media")).json()["items"]) == 1


async def test_a_hash_that_does_not_fit_stores_nothing(client: httpx.AsyncClient, app: App, speech: bytes) -> None:
    """A body that was changed on its way is refused, and a hash alone that nobody knows asks for the content."""
    unknown, other = f"/api/media?sha256={'0' * 64}", f"/api/media?sha256={hashlib.sha256(speech).hexdigest()}"
    for response in (
        await client.post(unknown, content=speech),
        await client.post(unknown, files={"file": ("b.wav", speech)}),
        await client.post(other, content=speech[:-2]),
    ):
        assert (response.status_code, response.json()["code"]) == (422, "hash_mismatch")
    without = await client.post(unknown)
    assert (without.status_code, without.json()["code"]) == (404, "unknown_content")
    assert "send it" in without.json()["detail"]
    assert (await client.get("/api/media")).json()["items"] == []
    assert not [path for path in app.settings.data_dir.rglob("*") if path.is_file() and "videochat.db" not in path.name]
    assert (await client.post(f"{other}&process=false", content=speech)).status_code == 201


async def test_a_form_takes_its_file_name(client: httpx.AsyncClient, speech: bytes) -> None:
    """A multipart upload is named after its part, and only the last part of a hostile name is kept."""
    media = (await client.post("/api/media?process=false", files={"file": ("../../etc/x.wav", speech)})).json()
    assert media["name"] == "x.wav"


async def test_a_name_with_quotes_comes_as_it_was(client: httpx.AsyncClient, speech: bytes) -> None:
    """Browsers write a quote as %22, and nothing else of a name in another way."""
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="the %22end%22 100%25.wav"\r\n\r\n'
    kind = {"content-type": "multipart/form-data; boundary=x"}
    sent = await client.post("/api/media?process=false", content=head + speech + b"\r\n--x--\r\n", headers=kind)
    assert sent.json()["name"] == 'the "end" 100%25.wav'


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 422, "media_empty"),
        (b"this is no recording\n" * 50, 422, "media_unreadable"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", 422, "media_unreadable"),
    ],
)
async def test_bad_recordings_are_refused_and_leave_nothing(
    client: httpx.AsyncClient, app: App, content: bytes, status: int, code: str
) -> None:
    """What is no recording is a clear problem, and neither a row nor a file stays behind."""
    response = await client.post("/api/media?name=talk.mp4", content=content)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers["content-type"] == "application/problem+json"
    assert (await client.get("/api/media")).json()["items"] == []
    assert [path for path in app.settings.data_dir.rglob("*") if path.is_file()] == list(
        app.settings.data_dir.rglob("videochat.db*")
    )


async def test_too_large_is_refused_before_a_byte_is_read(client: httpx.AsyncClient) -> None:
    """The declared size is enough to refuse; the body is never asked for."""

    async def never() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    response = await client.post("/api/media", content=never(), headers={"content-length": "30000000"})
    assert (response.status_code, response.json()["code"]) == (413, "too_large")
    assert "larger than 23.8 MiB" in response.json()["detail"]


async def test_ranges_make_players_seek(client: httpx.AsyncClient, speech: bytes) -> None:
    """Whole content, a range, a suffix, an impossible range and a known version."""
    media = (await client.post("/api/media?process=false", content=speech)).json()
    url = f"/api/media/{media['id']}/content"
    whole = await client.get(url)
    assert (whole.status_code, whole.content) == (200, speech)
    part = await client.get(url, headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, speech[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(speech)}"
    assert (await client.get(url, headers={"range": "bytes=-5"})).content == speech[-5:]
    assert (await client.get(url, headers={"range": "bytes=99999999-"})).status_code == 416
    assert (await client.get(url, headers={"if-none-match": whole.headers["etag"]})).status_code == 304
    assert "sandbox" in whole.headers["content-security-policy"]
    head = await client.head(url)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(speech)))
    assert (head.headers["accept-ranges"], head.headers["etag"]) == ("bytes", whole.headers["etag"])


async def test_cancel_pause_resume_and_their_conflicts(client: httpx.AsyncClient, speech: bytes) -> None:
    """A queued job can be paused, resumed and cancelled; what does not fit is a 409 that says why."""
    job = (await client.post("/api/media", content=speech)).json()["job"]
    url = f"/api/jobs/{job['id']}"
    assert (await client.post(f"{url}/pause")).json()["status"] == "paused"
    assert (await client.post(f"{url}/pause")).status_code == 409
    resumed = (await client.post(f"{url}/resume")).json()
    assert (resumed["status"], resumed["attempts"]) == ("queued", 2)
    assert (await client.post(f"{url}/cancel")).json()["status"] == "cancelled"
    conflict = await client.post(f"{url}/cancel")
    assert (conflict.status_code, conflict.json()["code"]) == (409, "conflict")


async def test_many_jobs_are_steered_at_once_and_priorities_change(client: httpx.AsyncClient, speech: bytes) -> None:
    """Each job is done to what can be done, with a reason where nothing can; a waiting job takes another priority."""
    ids = []
    for n in range(3):
        media = (await client.post("/api/media", content=speech + bytes(n))).json()
        ids.append(media["job"]["id"])
    await client.post(f"/api/jobs/{ids[2]}/cancel")
    acted = await client.post("/api/jobs/actions", json={"action": "pause", "jobs": [*ids, "job_unknown"]})
    items = acted.json()["items"]
    assert [item["id"] for item in items] == [*ids, "job_unknown"]
    assert [item["job"] and item["job"]["status"] for item in items] == ["paused", "paused", None, None]
    assert [item["error"] and item["error"]["code"] for item in items] == [None, None, "conflict", "not_found"]
    changed = await client.patch(f"/api/jobs/{ids[0]}", json={"priority": "urgent"})
    assert changed.json()["priority"] == "urgent"
    assert (await client.patch(f"/api/jobs/{ids[2]}", json={"priority": "low"})).status_code == 409
    assert (await client.patch(f"/api/jobs/{ids[0]}", json={"priority": "odd"})).status_code == 422
    nothing = await client.post("/api/jobs/actions", json={"action": "pause", "jobs": []})
    assert (nothing.status_code, nothing.json()["code"]) == (422, "invalid")


async def test_deleting_a_medium_frees_everything(
    client: httpx.AsyncClient, app: App, working: None, speech: bytes
) -> None:
    """After deletion neither blob nor hit nor transcript is left."""
    media = (await client.post("/api/media", content=speech)).json()
    await client.get(f"/api/jobs/{media['job']['id']}/events")
    assert (await client.delete(f"/api/media/{media['id']}")).status_code == 204
    assert (await client.get(f"/api/media/{media['id']}")).status_code == 404
    assert (await client.get(f"/api/jobs/{media['job']['id']}")).status_code == 404
    assert (await client.get("/api/search?q=leaves")).json()["items"] == []
    assert [path for path in (app.settings.data_dir / "blobs").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/media/med_x"),
        ("PATCH", "/api/media/med_x"),
        ("DELETE", "/api/media/med_x"),
        ("GET", "/api/media/med_x/content"),
        ("GET", "/api/media/med_x/transcript"),
        ("GET", "/api/media/med_x/waveform"),
        ("POST", "/api/media/med_x/transcription"),
        ("GET", "/api/jobs/job_x"),
        ("GET", "/api/jobs/job_x/events"),
        ("POST", "/api/jobs/job_x/cancel"),
        ("GET", "/api/answers/ans_x"),
        ("GET", "/api/answers/ans_x/events"),
        ("GET", "/api/conversations/con_x"),
        ("GET", "/api/search?q=x&media=med_x"),
        ("GET", "/nothing/here"),
    ],
)
async def test_unknown_things_are_404_problems(client: httpx.AsyncClient, method: str, path: str) -> None:
    """Every door answers an unknown id in the same way, streams included."""
    body = {"POST": {}, "PATCH": {"name": "x"}}.get(method)
    response = await client.request(method, path, json=body)
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


async def test_a_person_at_an_unknown_address_gets_the_page(client: httpx.AsyncClient) -> None:
    """A browser that opens an address which nobody serves gets the page, which says so; the API's addresses stay problems."""
    browser = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    page = await client.get("/nothing/here", headers=browser)
    assert (page.status_code, page.headers["content-type"].split(";")[0]) == (404, "text/html")
    assert "VideoChat" in page.text
    for path in ("/api/nothing", "/api", "/v1/nothing", "/health/nothing", "/assets/nothing.js"):
        response = await client.get(path, headers=browser)
        problem = response.json()["error"] if path.startswith("/v1/") else response.json()
        assert (response.status_code, problem["code"]) == (404, "not_found"), path
    posted = await client.post("/nothing/here", headers=browser)
    assert (posted.status_code, posted.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "path",
    ["/api/media?cursor=nonsense", "/api/media?limit=0", "/api/jobs?status=odd", "/api/events?last_event_id=x"],
)
async def test_bad_parameters_are_422_problems(client: httpx.AsyncClient, path: str) -> None:
    """A parameter that cannot be understood is named, not guessed."""
    response = await client.get(path)
    assert (response.status_code, response.json()["code"]) == (422, "invalid")


async def test_foreign_hosts_and_origins_are_refused(client: httpx.AsyncClient) -> None:
    """Another page in the same browser can neither rebind a name to this service nor post to it."""
    assert (await client.get("/api/media", headers={"host": "evil.example"})).status_code == 403
    foreign = await client.post("/api/answers", json={"question": "x"}, headers={"origin": "https://evil.example"})
    assert (foreign.status_code, foreign.json()["code"]) == (403, "denied")
    own = await client.post("/api/answers", json={"question": "x"}, headers={"origin": BASE})
    assert own.status_code == 202


async def test_every_answer_carries_a_request_id_and_security_headers(client: httpx.AsyncClient) -> None:
    """A client's id comes back, a hostile one is replaced; errors carry it in their body."""
    response = await client.get("/api/media/none", headers={"x-request-id": "abc-123"})
    assert response.headers["x-request-id"] == response.json()["request_id"] == "abc-123"
    replaced = await client.get("/health/live", headers={"x-request-id": "a b\tc"})
    assert replaced.headers["x-request-id"] not in {"", "a b\tc"}
    assert "default-src 'self'" in replaced.headers["content-security-policy"]


async def test_health_metrics_and_system_tell_the_truth(client: httpx.AsyncClient, working: None) -> None:
    """Components are pinged, requests are counted, the engine in use is named as basic."""
    ready = (await client.get("/health/ready")).json()
    assert (ready["status"], ready["components"]["workers"]["alive"]) == ("ok", 1)
    system = (await client.get("/api/system")).json()
    assert (system["engine"]["basic"], system["engine"]["hint_code"]) == (True, "basic")
    assert "STT__MODEL" in system["engine"]["better"]
    assert system["provider"]["name"] == "extractive"
    metrics = (await client.get("/metrics")).text
    assert 'videochat_http_requests_total{method="GET",route="/health/ready",status="200"} 1.0' in metrics


async def test_what_some_requests_need_makes_it_degraded(app: App, client: httpx.AsyncClient) -> None:
    """Without a worker, or with a provider that fails, requests are served, and it is said what does not work."""
    ready = await client.get("/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert ready.json()["components"]["workers"] == {"status": "none", "alive": 0}
    for _ in range(FAILURES):
        app.answers.breaker.leave(ProviderUnavailableError(), answered=False)
    assert (await client.get("/health/ready")).json()["components"]["provider"] == {"status": "failing"}


async def test_text_can_be_read_searched_and_asked_before_the_job_has_ended(
    app: App, client: httpx.AsyncClient, working: None, tmp_path: Path
) -> None:
    """While ten minutes are still being transcribed, the first window is readable, findable and citable."""
    recording = lecture_wav(tmp_path / "long.wav", seconds=30, times=20).read_bytes()
    media = (await client.post("/api/media", content=recording)).json()
    async with asyncio.timeout(60):
        async for event in app.feed.follow(0, f"job:{media['job']['id']}"):
            if event is not None and event.type == "segments":
                break
    job = (await client.get(f"/api/jobs/{media['job']['id']}")).json()
    assert (job["status"], 0 < job["progress"] < 1) == ("running", True)
    assert (await client.get(f"/api/media/{media['id']}/transcript")).json()["status"] == "partial"
    assert (await client.get("/api/search?q=chemical")).json()["items"]
    asked = (await client.post("/api/answers", json={"question": "What does the green chemical catch?"})).json()
    answer = events_of((await client.get(f"/api/answers/{asked['id']}/events")).text)[-1][1]
    assert answer["citations"]
    assert answer["coverage"]["complete"] is False
    assert (await client.get(f"/api/jobs/{media['job']['id']}")).json()["status"] == "running"
    await client.post(f"/api/jobs/{media['job']['id']}/cancel")


class BusyFeed(EventFeed):
    """A feed on a database that takes its time."""

    async def newest(self) -> int:
        await asyncio.sleep(0.3)
        return await super().newest()


async def test_nothing_falls_between_the_open_stream_and_its_first_event(app: App) -> None:
    """A page that asks for the present once its stream is open is told everything that happens from then on."""
    feed, told = BusyFeed(app.database), asyncio.Event()

    async def receive() -> dict[str, Any]:
        await told.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            async with app.database.write() as session:
                await events.append(session, "media:med_x", "media", {"id": "med_x", "action": "added"}, owner="local")
        elif b"med_x" in message["body"]:
            told.set()

    headers = [(b"host", b"127.0.0.1")]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": "/api/events", "raw_path": b"/api/events", "query_string": b"", "headers": headers, "root_path": "",
    }  # fmt: skip
    async with asyncio.timeout(10):
        await create_api(replace(app, feed=feed))(scope, receive, send)
    await feed.close()
