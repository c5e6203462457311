"""Searches that are kept, where an embedder takes part: answers with and without meaning are never mixed, over real services."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from library import add_media, add_transcript, spoken
from redis_server import RedisServer
from stub_embedder import StubEmbedder, stub_embedder
from videochat.app import App, open_app
from videochat.passages import nearest
from videochat.passages.backfill import Backfill
from videochat.passages.meaning import Meaning
from videochat.passages.nearest import Nearest
from videochat.settings import Settings
from videochat.store import events
from videochat.web.server import create_api
from waiting import until

SEARCH = "/api/search?q=vehicle"
NO_STORE = "private, no-store"


@asynccontextmanager
async def opened(
    url: str, folder: Path, stub: StubEmbedder | None, **settings: Any
) -> AsyncIterator[tuple[App, httpx.AsyncClient]]:
    """Open what one web process is."""
    ai = {} if stub is None else {"embedding_model": "m", "embedding_base_url": stub.base_url, "max_retries": 0}
    async with open_app(Settings(data_dir=folder, database={"url": url}, ai=ai, **settings)) as app:
        transport = httpx.ASGITransport(create_api(app))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=60) as client:
            yield app, client


def meaning_of(app: App) -> Nearest:
    assert isinstance(app.passages.meaning, Nearest)
    return app.passages.meaning


async def embed(app: App) -> None:
    """Do what a worker would."""
    meaning: Meaning = meaning_of(app)
    while await Backfill(app.database, lambda: meaning.embedder, app.metrics).batch():
        pass


async def add(app: App, media_id: str, said: str) -> None:
    """Store a recording, and the event that tells of it."""
    await add_media(app.database, media_id)
    await add_transcript(app.database, media_id, spoken(said))
    async with app.database.write() as session:
        await events.append(session, f"media:{media_id}", "media", {"id": media_id, "action": "created"}, owner="local")


def media(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200
    return [hit["media"] for hit in answer.json()["items"]]


async def test_an_answer_without_meaning_is_not_kept(database_url: str, tmp_path: Path) -> None:
    """While the embedder fails the words' hits come and nobody keeps them; the first search after that has meaning again."""
    async with stub_embedder(500, 200) as stub, opened(database_url, tmp_path, stub) as (app, client):
        await add(app, "garage", "automobile")
        stub.statuses = [200]
        await embed(app)
        await meaning_of(app).refresh()
        stub.statuses = [500, 500, 200]
        for _ in range(2):
            answer = await client.get(SEARCH)
            assert (media(answer), answer.headers["cache-control"]) == ([], NO_STORE)
        answer = await client.get(SEARCH)
        assert (media(answer), answer.headers["cache-control"]) == (["garage"], "private, no-cache")
        asked = len(stub.requests)
        again = await client.get(SEARCH, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, len(stub.requests)) == (304, asked)


async def test_vectors_that_come_change_what_was_kept(database_url: str, tmp_path: Path) -> None:
    """No event tells of them, yet who searches again sees them, and who has the answer of before is not told that it holds."""
    async with stub_embedder() as stub, opened(database_url, tmp_path, stub) as (app, client):
        await add(app, "garage", "automobile")
        await meaning_of(app).refresh()
        before = await client.get(SEARCH)
        assert media(before) == []
        assert media(await client.get(SEARCH)) == []
        await embed(app)
        await meaning_of(app).refresh()
        after = await client.get(SEARCH, headers={"If-None-Match": before.headers["etag"]})
        assert media(after) == ["garage"]


async def test_a_process_that_has_read_no_vectors_keeps_nothing(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it finds by words at first is not what others, or it a moment later, are given."""
    async with stub_embedder() as stub, opened(database_url, tmp_path, stub) as (app, client):
        await add(app, "garage", "automobile")
        await embed(app)
        monkeypatch.setattr(nearest, "PATIENCE_SECONDS", 0.0)
        first = await client.get(SEARCH)
        assert (media(first), first.headers["cache-control"]) == ([], NO_STORE)
        monkeypatch.undo()
        await meaning_of(app).refresh()
        assert media(await client.get(SEARCH)) == ["garage"]


async def test_processes_with_and_without_an_embedder_share_no_answers(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    """While a setting is rolled out, each gets its own from a Redis that all share; those that agree share."""
    url, cache = f"sqlite:///{tmp_path / 'videochat.db'}", {"url": redis_server.url, "max_bytes": 0}
    async with (
        stub_embedder() as stub,
        opened(url, tmp_path / "0", stub, cache=cache) as (app, client),
        opened(url, tmp_path / "1", None, cache=cache) as (_, plain),
        opened(url, tmp_path / "2", stub, cache=cache) as (other, same),
    ):
        await add(app, "garage", "automobile")
        await embed(app)
        for process in (app, other):
            await meaning_of(process).refresh()
        for _ in range(2):
            assert media(await client.get(SEARCH)) == ["garage"]
            assert media(await plain.get(SEARCH)) == []
        asked = len(stub.requests)
        assert media(await same.get(SEARCH)) == ["garage"]
        assert len(stub.requests) == asked


async def test_a_key_that_changes_is_taken_up(tmp_path: Path) -> None:
    """While the service runs, by the embedder too, whose connections of before are closed; the vectors stay what they are."""
    url = f"sqlite:///{tmp_path / 'videochat.db'}"
    async with stub_embedder() as stub, opened(url, tmp_path, stub) as (app, client):
        await add(app, "garage", "automobile")
        await embed(app)
        before, state = meaning_of(app).embedder, meaning_of(app).state
        ai = app.settings.ai.model_copy(update={"embedding_api_key": SecretStr("new")})
        assert app.live.take_up(app.settings.model_copy(update={"ai": ai})) == ("AI__EMBEDDING_API_KEY",)
        await meaning_of(app).refresh()
        assert media(await client.get(SEARCH)) == ["garage"]
        await until(before._client.is_closed)  # type: ignore[attr-defined]
        assert stub.keys == ["none", "new"]
        assert meaning_of(app).state != state


def test_who_searches_by_words_loads_nothing_for_meaning() -> None:
    """Neither the library that counts with vectors nor that of the service makes the start slower."""
    code = (
        "import sys, videochat.web.server, videochat.jobs.worker\n"
        "print([name for name in sys.modules if name.partition('.')[0] in {'numpy', 'openai'}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
