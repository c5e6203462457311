"""The worker's loop that embeds: one of all workers at a time, patient with an embedder that fails, and the same in real workers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from library import add_recording
from meanings import Search, search_of
from stub_embedder import StubEmbedder, stub_embedder
from videochat.app import App, open_app
from videochat.errors import EmbedderUnavailableError
from videochat.jobs.embedding import BETWEEN_SECONDS, LEASE, LONGEST_PAUSE_SECONDS, LOOK_SECONDS, Embedding
from videochat.passages.meaning import Progress
from videochat.settings import Settings
from videochat.store.session import Database
from videochat.web.server import create_api
from waiting import until


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
async def search(database: Database) -> AsyncIterator[Search]:
    async with search_of(database) as opened:
        yield opened


async def test_a_turn_does_all_there_is_and_the_next_one_waits(search: Search) -> None:
    """A hundred passages in one turn; then the loop looks only now and then, and new passages are done when they come."""
    embedding = Embedding(search.database, search.backfill)
    assert await embedding.turn() == LOOK_SECONDS
    for n in range(100):
        await add_recording(search.database, f"m{n}", f"Recording {n}.")
    assert await embedding.turn() == BETWEEN_SECONDS
    assert await search.progress() == Progress(100, 100)
    assert await embedding.turn() == LOOK_SECONDS
    await add_recording(search.database, "new", "One more.")
    assert await embedding.turn() == BETWEEN_SECONDS
    assert len(search.embedder.texts) == 101


async def test_one_of_all_workers_does_it_and_a_dead_one_holds_up_nobody_for_long(search: Search) -> None:
    """Who comes while another is at it leaves it to him; when he has gone without a word, his lease ends."""
    await add_recording(search.database, "a", "Words.")
    clock = Clock()
    dead, living = (Embedding(search.database, search.backfill, clock) for _ in range(2))
    assert await dead._mine()
    assert await living.turn() == LOOK_SECONDS
    assert search.embedder.texts == []
    clock.now += LEASE
    assert await living.turn() == BETWEEN_SECONDS
    assert search.embedder.texts == ["Words."]


async def test_after_failures_it_waits_longer_and_longer(search: Search) -> None:
    """Up to five minutes; once it works again it goes on at once, and meanwhile no other worker asks either."""
    await add_recording(search.database, "a", "Words.")
    clock = Clock()
    embedding, other = (Embedding(search.database, search.backfill, clock) for _ in range(2))
    search.embedder.error = EmbedderUnavailableError()
    pauses = []
    for _ in range(8):
        pauses.append(await embedding.turn())
        assert await other.turn() == LOOK_SECONDS
        clock.now += LEASE
    assert pauses[:4] == [LOOK_SECONDS, 2 * LOOK_SECONDS, 4 * LOOK_SECONDS, 8 * LOOK_SECONDS]
    assert pauses[-1] == LONGEST_PAUSE_SECONDS
    assert len(search.embedder.texts) == 8
    search.embedder.error = None
    assert await embedding.turn() == BETWEEN_SECONDS
    search.embedder.error = EmbedderUnavailableError()
    await add_recording(search.database, "b", "More.")
    assert await embedding.turn() == LOOK_SECONDS


def settings(url: str, folder: Path, stub: StubEmbedder | None) -> Settings:
    ai = {} if stub is None else {"embedding_model": "stub", "embedding_base_url": stub.base_url, "max_retries": 0}
    return Settings(data_dir=folder, database={"url": url}, ai=ai)


async def found(client: httpx.AsyncClient, query: str) -> list[str]:
    answer = await client.get("/api/search", params={"q": query})
    assert answer.status_code == 200
    return [hit["media"] for hit in answer.json()["items"]]


async def at_work(app: App) -> None:
    """Run a worker until every passage has its vector."""
    worker = app.worker()
    await worker.start()

    async def done() -> bool:
        progress = await app.passages.progress()
        return progress is not None and progress.embedded == progress.passages

    await until(done)
    await worker.stop()


async def test_a_service_searches_by_meaning_when_it_is_told_a_model(database_url: str, tmp_path: Path) -> None:
    """With two settings more a library that was there before is embedded by its worker and found by meaning, over HTTP."""
    async with open_app(settings(database_url, tmp_path, None)) as app:
        await add_recording(app.database, "garage", "He drove his automobile home.")
        transport = httpx.ASGITransport(create_api(app))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            assert await found(client, "vehicle") == []
            assert "embedder" not in (await client.get("/api/system")).json()
    async with stub_embedder() as stub, open_app(settings(database_url, tmp_path, stub)) as app:
        transport = httpx.ASGITransport(create_api(app))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            told = (await client.get("/api/system")).json()["embedder"]
            assert told == {"name": "openai", "model": "stub", "passages": 1, "embedded": 0}
            await at_work(app)
            assert await found(client, "vehicle") == ["garage"]
            assert (await client.get("/api/system")).json()["embedder"]["embedded"] == 1
