"""Logs as a whole: what a service writes is found again by request and job, and gives no secret away."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from fake_engine import install
from library import add_recording
from media_files import speech_like, write_wav
from people import open_house
from recordings import lecture_wav
from stub_provider import Reply, stub_provider
from videochat.app import App, open_app
from videochat.errors import EngineCrashedError, SourceUnavailableError
from videochat.media.decoding import CHILD as DECODER
from videochat.media.fetch import Errand
from videochat.media.sources.yt_dlp import YtDlp
from videochat.ops.actor import LOCAL
from videochat.ops.child import ChildEndedError
from videochat.ops.logfile import Bounds, LogFile
from videochat.ops.logging import bind_request, configure_logging
from videochat.ops.mould import Mould
from videochat.sections import MIB
from videochat.settings import Settings
from videochat.store.tables import Base
from videochat.transcripts.transcriber import EngineSpec, Options
from videochat.web.server import create_api

pytestmark = pytest.mark.usefixtures("logging_as_it_was")

KEY = "planted-5c1f0e77-key"
QUESTION = "Which zeppelin absorbs the light?"


@asynccontextmanager
async def service(folder: Path, **settings: Any) -> AsyncIterator[tuple[App, httpx.AsyncClient]]:
    """Open an App whose process logs as a service does, with a client."""
    configured = Settings(data_dir=folder, log={"format": "json"}, **settings)
    configure_logging(configured, "web")
    async with open_app(configured) as app:
        transport = httpx.ASGITransport(create_api(app), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            yield app, client


async def found(client: httpx.AsyncClient, **wanted: Any) -> list[dict[str, Any]]:
    answer = await client.get("/api/ops/logs", params=wanted)
    assert answer.status_code == 200, answer.text
    assert answer.json()["complete"]
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def everything_stored(app: App) -> str:
    """Return the content of all tables."""
    async with app.database.read() as session:
        rows = [(await session.execute(text(f"SELECT * FROM {name}"))).all() for name in Base.metadata.tables]
    return str(rows)


async def test_a_request_has_one_line(tmp_path: Path) -> None:
    """It says method, route, status and how long it took, under the id that the answer has."""
    async with service(tmp_path) as (_, client):
        ids = [
            (await client.get("/api/media/none", headers={"X-Request-ID": "mine"})).headers["x-request-id"],
            (await client.get("/api/media?limit=1")).headers["x-request-id"],
        ]
        (missing,), (listed,) = [await found(client, request=one) for one in ids]
        assert (ids[0], missing["event"], missing["status"]) == ("mine", "request", 404)
        assert (listed["method"], listed["route"], listed["status"]) == ("GET", "/api/media", 200)
        assert listed["ms"] > 0
        assert listed["process"].startswith("web@")


async def test_a_requests_line_says_who_asked(database_url: str, tmp_path: Path) -> None:
    """The account behind a session or a key, also of what is refused or fails; a stranger has no name there."""
    async with open_house(database_url, tmp_path) as house:
        configure_logging(house.app.settings, "web")
        admin, max_ = await house.person("Ada"), await house.person("Max")
        user = (await max_.get("/api/session")).json()["user"]["id"]
        made = (await max_.post("/api/account/keys", json={"name": "tool", "scopes": ["read"]})).json()
        asked: list[tuple[httpx.AsyncClient, str, str | None, int]] = [
            (max_, "/api/media", user, 200), (await house.program(made["key"]), "/api/media", user, 200),
            (max_, "/api/media/none", user, 404), (max_, "/api/ops/logs", user, 403),
            (admin, "/api/media", LOCAL.id, 200), (await house.stranger(), "/api/media", None, 401),
        ]  # fmt: skip
        for n, (client, path, _, _) in enumerate(asked):
            await client.get(path, headers={"X-Request-ID": f"r{n}"})
        for n, (_, _, who, status) in enumerate(asked):
            (line,) = await found(admin, request=f"r{n}")
            assert (line.get("user"), line["status"], line["event"]) == (who, status, "request"), n


async def test_a_crash_is_one_line(tmp_path: Path) -> None:
    """An error that nobody expected is status 500 in the request's only line."""
    async with service(tmp_path) as (app, _):
        api = create_api(app)

        @api.get("/api/bug")
        async def bug() -> None:
            raise ZeroDivisionError

        transport = httpx.ASGITransport(api, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            answer = await client.get("/api/bug", headers={"X-Request-ID": "crashed"})
            assert answer.status_code == 500
            (line,) = await found(client, request="crashed")
            assert (line["route"], line["status"]) == ("/api/bug", 500)


async def test_pages_of_lines(tmp_path: Path) -> None:
    """The newest come first, `before` goes on where a page ended, and what makes no sense is refused."""
    async with service(tmp_path) as (_, client):
        for n in range(5):
            await client.get("/api/media", headers={"X-Request-ID": f"r{n}"})
        seen: list[str] = []
        wanted: dict[str, Any] = {"text": "/api/media", "limit": 2}
        for _ in range(3):
            page = (await client.get("/api/ops/logs", params=wanted)).json()
            seen += [item["request_id"] for item in page["items"]]
            wanted["before"] = page["before"]
        assert seen == ["r4", "r3", "r2", "r1", "r0"]
        assert page["before"] is None
        assert await found(client, level="warning") == []
        assert await found(client, until="2020-01-01T00:00:00") == []
        for wrong in ({"limit": 501}, {"level": "loud"}, {"since": "yesterday"}, {"before": "x"}):
            assert (await client.get("/api/ops/logs", params=wrong)).status_code == 422


async def test_a_job_step_has_one_line(tmp_path: Path) -> None:
    """It says job, medium, user, outcome and how long it took, under the id of the request that began the job."""
    async with service(tmp_path, stt={"engine": "pocketsphinx"}) as (app, client):
        worker = app.worker()
        await worker.start()
        speech = lecture_wav(tmp_path / "a.wav", 2).read_bytes()
        answer = await client.post("/api/media?name=a.wav", content=speech, headers={"X-Request-ID": "upload"})
        job = answer.json()["job"]["id"]
        await client.get(f"/api/jobs/{job}/events", timeout=60)
        await worker.stop()
        steps = [line for line in await found(client, job=job) if line["event"] == "step"]
        assert [line["step"] for line in reversed(steps)] == ["prepare", "decode", "transcribe", "finish"]
        for line in steps:
            assert line["user"] == LOCAL.id
            assert (line["request_id"], line["media"], line["outcome"]) == ("upload", answer.json()["id"], "done")
            assert line["ms"] >= 0
        assert "colors" not in json.dumps(await found(client, limit=500))


async def test_a_step_that_fails_says_why(tmp_path: Path) -> None:
    """Its line has the code that the job ends with; one that was cancelled is no failure, and is counted as what it is."""
    async with service(tmp_path, stt={"engine": "pocketsphinx"}) as (app, client):
        broken = write_wav(tmp_path / "a.wav", speech_like(30)).read_bytes()[:-400_000]
        cut_off = (await client.post("/api/media?name=a.wav", content=broken)).json()["job"]["id"]
        given_up = (
            await client.post("/api/media?name=b.wav", content=lecture_wav(tmp_path / "b.wav", 2).read_bytes())
        ).json()
        await client.post(f"/api/jobs/{given_up['job']['id']}/cancel")
        worker = app.worker()
        await worker.start()
        await client.get(f"/api/jobs/{cut_off}/events", timeout=60)
        await worker.stop()
        ended = (await client.get(f"/api/jobs/{cut_off}")).json()
        (failed,) = [line for line in await found(client, job=cut_off) if line.get("outcome") == "failed"]
        assert (failed["step"], failed["code"]) == ("finish", ended["error"]["code"])
        counted = (await client.get("/metrics")).text
    assert 'videochat_jobs_ended_total{status="cancelled"} 1.0' in counted


@pytest.mark.parametrize("status", [401, 400, 500])
async def test_a_planted_key_is_nowhere(tmp_path: Path, capfd: pytest.CaptureFixture[str], status: int) -> None:
    """A provider that fails and echoes the key: neither log, answer, events nor database have it, and no log the question."""
    said = f"Incorrect API key provided: {KEY} (Authorization: Bearer {KEY})"
    async with stub_provider(Reply(status=status, message=said)) as stub:
        ai = {"api_key": KEY, "base_url": stub.base_url, "max_retries": 1}
        async with service(tmp_path, ai=ai) as (app, client):
            await add_recording(app.database, "m1", "Plants are green.", "Chlorophyll absorbs red and blue light.")
            asked = await client.post("/api/answers", json={"question": QUESTION}, headers={"X-Request-ID": "asking"})
            events = (await client.get(f"/api/answers/{asked.json()['id']}/events", timeout=30)).text
            assert (await client.get(f"/api/answers/{asked.json()['id']}")).json()["status"] == "failed"
            assert stub.requests
            logged = json.dumps(await found(client, request="asking"))
            assert "answer.failed" in logged
            files = "".join(file.read_text() for file in (tmp_path / "logs").iterdir())
            stored = await everything_stored(app)
            on_stderr = capfd.readouterr().err
            assert "answer.failed" in files
            assert "answer.failed" in on_stderr
            for place in (logged, files, on_stderr, events, stored):
                assert KEY not in place
            for place in (logged, files, on_stderr):
                assert "zeppelin" not in place
                assert "hlorophyll" not in place


async def test_an_engines_lines_carry_the_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the engine's process says while it listens, and what ends it, is found under the request it works for."""
    monkeypatch.setenv("PYTHONPATH", install(tmp_path / "plugins"))
    async with service(tmp_path) as (app, client):
        bind_request("listening")
        for model in ("loud", "bug"):
            with pytest.raises(EngineCrashedError) if model == "bug" else nullcontext():
                async with app.host.transcribe(EngineSpec("fake", model), Path("x.flac"), Options()) as heard:
                    async for _ in heard.segments:
                        pass
        lines = {line["event"]: line for line in await found(client, request="listening")}
        assert lines["too loud"]["process"].startswith("engine@")
        assert "ZeroDivisionError" in lines["engine.crashed"]["exception"]
        assert lines["engine.died"]["process"].startswith("web@")


async def test_a_decoders_crash_carries_the_request(capfd: pytest.CaptureFixture[str]) -> None:
    """The process that reads files says on stderr what ended it, as one JSON line under the request's id."""
    mould = await Mould.start(DECODER)
    with pytest.raises(ChildEndedError):
        async with mould.cast({"probe": {"wrong": 1}, "request_id": "probing"}) as replies:
            await anext(replies)
    await mould.kill()
    (line,) = capfd.readouterr().err.splitlines()
    said = json.loads(line)
    assert (said["request_id"], said["level"], said["event"]) == ("probing", "error", "child.crashed")
    assert "TypeError" in said["exception"]


async def test_a_downloads_crash_carries_the_request(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The process that fetches says on stderr what ended it, and who started it that it died: both under the request's id."""
    too_much = Errand(
        "https://example.org/planted", tmp_path, "socks5h://127.0.0.1:9", 2**70, retries=0, socket_seconds=1
    )
    async with service(tmp_path) as (_, client):
        bind_request("fetching")
        with pytest.raises(SourceUnavailableError):
            await YtDlp().fetch(too_much, lambda *_: None)
        (died,) = await found(client, request="fetching")
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    (crashed,) = [line for line in lines if line["event"] == "child.crashed"]
    assert (died["event"], died["status"], crashed["request_id"]) == ("source.died", 1, "fetching")
    assert "OverflowError" in crashed["exception"]


def test_a_full_disk_tears_no_later_line(small_disk: Path) -> None:
    """What was cut off stands in a file of its own, and lines are written again when there is room."""
    file = LogFile(Bounds(small_disk, 64 * MIB, 1), "web-host-1")
    while not file._lost:
        file.write(json.dumps({"x": "y" * 3000}) + "\n")
    next(small_disk.iterdir()).unlink()
    file._retry_at = 0.0
    file.write('{"after": true}\n')
    file.close()
    assert [path.read_text() for path in small_disk.iterdir()] == ['{"after": true}\n']
