"""Answers that are kept, and that clients need not be sent again: over real services, in two processes on one database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import update

from library import add_media, add_transcript, spoken
from redis_server import RedisServer
from videochat.app import App, open_app
from videochat.jobs.parameters import freeze
from videochat.media.media import AudioReport
from videochat.ops.actor import Actor
from videochat.settings import Settings
from videochat.store import artefacts, events
from videochat.store.cache import redis as redis_level
from videochat.store.tables import SegmentRow
from videochat.web import dependencies
from videochat.web.routes import transcripts
from videochat.web.server import create_api
from waiting import until

BASE = "http://127.0.0.1"
KEPT = {
    "list": "/api/media",
    "transcript": "/api/media/med_1/transcript",
    "srt": "/api/media/med_1/transcript?format=srt",
    "json": "/api/media/med_1/transcript?format=json",
    "subtitles": "/api/media/med_1/subtitles.vtt",
    "search": "/api/search?q=river",
    "waveform": "/api/media/med_1/waveform",
}
HASHED = {
    "medium": "/api/media/med_1",
    "jobs": "/api/jobs",
    "job": "/api/jobs/{job}",
    "conversations": "/api/conversations",
    "system": "/api/system",
    "none": "/api/media/med_2/transcript",
}


@asynccontextmanager
async def opened(url: str, folder: Path, **settings: Any) -> AsyncIterator[tuple[App, FastAPI, httpx.AsyncClient]]:
    """Open what one web process is."""
    async with open_app(Settings(data_dir=folder, database={"url": url}, **settings)) as app:
        api = create_api(app)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url=BASE, timeout=60) as client:
            yield app, api, client


@pytest.fixture
async def two(database_url: str, tmp_path: Path) -> AsyncIterator[list[tuple[App, FastAPI, httpx.AsyncClient]]]:
    """Give two web processes on one database, with a recording of two sentences and one that is not transcribed."""
    async with AsyncExitStack() as stack:
        found = [await stack.enter_async_context(opened(database_url, tmp_path / str(n))) for n in range(2)]
        await fill(found[0][0])
        yield found


async def fill(app: App) -> None:
    await add_media(app.database, "med_1")
    await add_media(app.database, "med_2")
    await add_transcript(app.database, "med_1", spoken("by the river", "and over it"))
    actor = Actor("local")
    media = await app.media.get(actor, "med_1")
    job = await app.jobs.submit(actor, media, freeze(app.settings))
    plan = app.media.plan(media, app.settings.jobs.first_window_seconds, app.settings.jobs.window_seconds)
    report = AudioReport(duration=10.0, declared=10.0, invalid_packets=0, count=1, peaks=(0.5, 1.0))
    async with app.database.write() as session:
        await artefacts.put(session, plan, "audio", asdict(report), subject=media.sha256)
    await app.jobs.cancel(actor, job.id)


def looks(app: App, cache: str) -> tuple[float, float]:
    """Return hits and misses in memory."""
    totals = app.metrics.totals()
    return tuple(totals[f"videochat_cache_{n}"].get((cache, "memory"), (0.0,))[0] for n in ("hits", "misses"))  # type: ignore[return-value]


async def job_of(client: httpx.AsyncClient) -> str:
    return str((await client.get("/api/jobs")).json()["items"][0]["id"])


@pytest.mark.parametrize("what", KEPT)
async def test_what_is_kept_is_not_made_again_and_not_sent_again(
    two: list[tuple[App, FastAPI, httpx.AsyncClient]], what: str
) -> None:
    """The second reader gets the same bytes from memory; who has them already gets a 304 from either process."""
    (app, _, client), (_, _, other) = two
    first = await client.get(KEPT[what])
    assert first.status_code == 200
    etag = first.headers["etag"]
    assert etag.startswith('W/"')
    assert first.headers["cache-control"] == "private, no-cache"
    cache = {"list": "media", "srt": "export", "json": "export", "subtitles": "export"}.get(what, what)
    hits, misses = looks(app, cache)
    second = await client.get(KEPT[what])
    assert (second.content, second.headers["etag"]) == (first.content, etag)
    assert second.headers["content-type"] == first.headers["content-type"]
    assert looks(app, cache) == (hits + 1, misses)
    for asked in (client, other):
        again = await asked.get(KEPT[what], headers={"If-None-Match": f'"other", {etag}'})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
        assert again.headers["cache-control"] == "private, no-cache"
    assert (await other.get(KEPT[what])).content == first.content
    assert looks(app, cache) == (hits + 1, misses)  # a 304 looks for nothing


@pytest.mark.parametrize("what", HASHED)
async def test_all_other_json_has_the_hash_of_its_bytes(
    two: list[tuple[App, FastAPI, httpx.AsyncClient]], what: str
) -> None:
    """A strong validator, the same in both processes, also for HEAD; what the client has is not sent again."""
    (_, _, client), (_, _, other) = two
    path = HASHED[what].format(job=await job_of(client))
    first = await client.get(path)
    etag = first.headers["etag"]
    assert (first.status_code, etag[0], first.headers["cache-control"]) == (200, '"', "private, no-cache")
    assert (await client.head(path)).headers["etag"] == etag
    for asked, known in ((client, etag), (other, f"W/{etag}"), (client, "*")):
        again = await asked.get(path, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    changed = await client.get(path, headers={"If-None-Match": '"something else"'})
    assert (changed.status_code, changed.content) == (200, first.content)


async def test_what_is_no_such_answer_is_left_alone(two: list[tuple[App, FastAPI, httpx.AsyncClient]]) -> None:
    """Errors, changes, texts for Prometheus, pages, and streams of events have no validator of ours."""
    client = two[0][2]
    for path in ("/api/media/unknown", "/metrics", "/"):
        assert "etag" not in (await client.get(path)).headers or path == "/"
    assert "etag" not in (await client.patch("/api/media/med_1", json={"name": "new"})).headers
    assert "etag" not in (await client.head("/api/events")).headers
    denied = await client.get("/api/media/unknown", headers={"If-None-Match": "*"})
    assert denied.status_code == 404


async def test_a_change_in_one_process_is_seen_by_the_other_at_once(
    two: list[tuple[App, FastAPI, httpx.AsyncClient]],
) -> None:
    """New name, new segment, edited words, deletion: nobody is told of the old state, by body or by 304."""
    (app, _, client), (_, _, other) = two
    seen = {what: await other.get(path) for what, path in KEPT.items()}

    async def read(what: str) -> str:
        had = {"If-None-Match": seen[what].headers["etag"]}
        seen[what] = await other.get(KEPT[what], headers=had)
        assert seen[what].status_code == 200, f"{what} was said to be as before"
        return seen[what].text

    await client.patch("/api/media/med_1", json={"name": "Lecture on water"})
    assert "Lecture on water" in await read("list")
    assert "Lecture on water" in await read("search")
    assert "Lecture on water" in (await other.get(KEPT["json"])).text

    job = await job_of(client)
    await client.post(f"/api/jobs/{job}/retry")
    assert '"queued"' in await read("list")
    await client.post(f"/api/jobs/{job}/cancel")
    assert '"cancelled"' in await read("list")

    await edit(app, job, "by the lake")
    for what in ("transcript", "srt", "subtitles"):
        assert "by the lake" in await read(what)

    await client.delete("/api/media/med_1")
    assert "med_1" not in await read("list")
    assert (await read("search")).startswith('{"items":[]')
    gone = await other.get(KEPT["transcript"], headers={"If-None-Match": seen["transcript"].headers["etag"]})
    assert gone.status_code == 404


async def edit(app: App, job: str, text: str) -> None:
    """Change words as a later feature may, with its event in the same transaction."""
    async with app.database.write() as session:
        await session.execute(update(SegmentRow).where(SegmentRow.n == 0).values(text=text))
        await events.append(session, f"job:{job}", "segments", {"media_id": "med_1"}, owner="local")


async def test_one_s_own_change_is_seen_by_the_next_request(
    two: list[tuple[App, FastAPI, httpx.AsyncClient]],
) -> None:
    """A hundred times in a row, through the process that wrote and through the other."""
    (_, _, client), (_, _, other) = two
    for n in range(50):
        await client.patch("/api/media/med_1", json={"name": f"name {n}."})
        for asked in (client, other):
            names = {item["name"] for item in (await asked.get("/api/media")).json()["items"]}
            assert f"name {n}." in names


async def test_another_owner_is_never_given_what_was_kept(two: list[tuple[App, FastAPI, httpx.AsyncClient]]) -> None:
    """With everything of the first owner in the cache, the second finds none of it, with or without its validators."""
    app, api, client = two[0]
    kept = {what: await client.get(path) for what, path in KEPT.items()}
    api.dependency_overrides[dependencies.current_actor] = lambda: Actor("somebody else")
    for what, path in KEPT.items():
        for headers in ({}, {"If-None-Match": kept[what].headers["etag"]}):
            answer = await client.get(path, headers=headers)
            if what in {"list", "search"}:
                assert answer.json() == {"items": [], "next": None}
            else:
                assert answer.status_code == 404
    api.dependency_overrides.clear()
    assert (await client.get(KEPT["list"])).content == kept["list"].content
    assert looks(app, "media") == (2, 2)  # each owner's list was made once and found once


async def test_a_very_long_transcript_is_streamed_and_has_a_validator(
    two: list[tuple[App, FastAPI, httpx.AsyncClient]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is never whole in memory, and need not be sent twice all the same."""
    app, _, client = two[0]
    whole = await client.get(KEPT["srt"])
    monkeypatch.setattr(transcripts, "MOST_KEPT_SEGMENTS", 1)
    before = looks(app, "export")
    streamed = await client.get(KEPT["srt"])
    assert (streamed.content, streamed.headers["etag"]) == (whole.content, whole.headers["etag"])
    again = await client.get(KEPT["srt"], headers={"If-None-Match": whole.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert looks(app, "export") == before


async def test_a_redis_may_die_and_come_back_while_people_read(
    tmp_path: Path, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes share it; while it is killed and started again every answer is right, and what was lost is made anew."""
    monkeypatch.setattr(redis_level, "RETRY_SECONDS", 0.2)
    url, cache = f"sqlite:///{tmp_path / 'videochat.db'}", {"url": redis_server.url, "max_bytes": 0}
    over = asyncio.Event()
    async with (
        opened(url, tmp_path / "0", cache=cache) as (app, _, client),
        opened(url, tmp_path / "1", cache=cache) as (_, _, other),
    ):
        await fill(app)
        right = {path: (await client.get(path)).content for path in KEPT.values()}

        async def read_on() -> None:
            while not over.is_set():
                for path, content in right.items():
                    for asked in (client, other):
                        answer = await asked.get(path)
                        assert (answer.status_code, answer.content) == (200, content)

        def shared_hits() -> float:
            hits = app.metrics.totals()["videochat_cache_hits"]
            return sum(n for (_, level), (n,) in hits.items() if level == "redis")

        def away() -> float:
            return app.metrics.totals()["videochat_cache_away"].get(("redis",), (0.0,))[0]

        reading = asyncio.create_task(read_on())
        await until(lambda: shared_hits() > 10)
        await asyncio.to_thread(redis_server.kill)
        await until(lambda: away() == 1)
        assert (await client.get("/health/ready")).status_code == 200
        await asyncio.to_thread(redis_server.start)
        await until(lambda: away() == 0)
        hits = shared_hits()
        await until(lambda: shared_hits() > hits + 10)
        over.set()
        await reading
