"""What `/health/ready` says while a component is broken, and that nothing else is blamed for it."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from redis_server import RedisServer
from videochat.app import App, open_app
from videochat.errors import DatabaseUnavailableError, EmbedderUnavailableError, ProviderUnavailableError
from videochat.ops.breaker import FAILURES
from videochat.passages.nearest import Nearest
from videochat.settings import Settings
from videochat.store.session import Database
from videochat.web.server import create_api
from waiting import until


@dataclass
class Place:
    """An installation in which everything is configured, and works."""

    app: App
    redis: RedisServer
    client: httpx.AsyncClient
    patch: pytest.MonkeyPatch

    async def ready(self) -> tuple[int, dict[str, Any]]:
        answer = await self.client.get("/health/ready")
        return answer.status_code, answer.json()


@pytest.fixture
async def place(tmp_path: Path, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    ai = {"embedding_model": "m", "embedding_base_url": "http://127.0.0.1:9/v1"}  # nobody asks it anything
    settings = Settings(data_dir=tmp_path / "data", ai=ai, cache={"url": redis_server.url})
    async with open_app(settings) as app:
        transport = httpx.ASGITransport(create_api(app))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            worker = app.worker()
            await worker.start()
            yield Place(app, redis_server, client, monkeypatch)
            monkeypatch.undo()
            await worker.stop()


def no_database(place: Place) -> None:
    async def fail(_: Database) -> None:
        raise DatabaseUnavailableError

    place.patch.setattr(Database, "ping", fail)


def no_blobs(place: Place) -> None:
    folder = place.app.settings.data_dir / "blobs"
    shutil.rmtree(folder, ignore_errors=True)
    folder.write_text("a file in the way")


def no_workers(place: Place) -> None:
    async def nobody(*_: Any) -> set[str]:
        return set()

    place.patch.setattr("videochat.web.routes.system.alive_workers", nobody)


def no_space(place: Place) -> None:
    full = SimpleNamespace(total=10**12, used=10**12, free=0)
    place.patch.setattr("videochat.ops.resources.shutil.disk_usage", lambda _: full)


def failing_provider(place: Place) -> None:
    for _ in range(FAILURES):
        place.app.answers.breaker.leave(ProviderUnavailableError(), answered=False)


def failing_embedder(place: Place) -> None:
    assert isinstance(place.app.passages.meaning, Nearest)
    for _ in range(FAILURES):
        place.app.passages.meaning._breaker.leave(EmbedderUnavailableError(), answered=False)


def no_redis(place: Place) -> None:
    place.redis.kill()


BREAKS: list[tuple[str, Callable[[Place], None], int, str, str]] = [
    ("database", no_database, 503, "unavailable", "unavailable"),
    ("blobs", no_blobs, 503, "unavailable", "unavailable"),
    ("workers", no_workers, 200, "degraded", "none"),
    ("provider", failing_provider, 200, "degraded", "failing"),
    ("embedder", failing_embedder, 200, "degraded", "failing"),
    ("redis", no_redis, 200, "degraded", "away"),
    ("disk", no_space, 200, "degraded", "full"),
]


@pytest.mark.parametrize(("component", "breaks", "code", "status", "state"), BREAKS, ids=[row[0] for row in BREAKS])
async def test_a_broken_component_is_named(
    component: str, breaks: Callable[[Place], None], code: int, status: str, state: str, place: Place
) -> None:
    """Only what every request needs makes the service unready; everything else degrades it, and says which component it is."""
    before = (await place.ready())[1]
    assert (before["status"], {*before["components"]}) == ("ok", {row[0] for row in BREAKS})
    breaks(place)
    answered, report = await place.ready()
    assert (answered, report["status"]) == (code, status)
    states = {name: found["status"] for name, found in report["components"].items()}
    assert states.pop(component) == state
    assert {*states.values()} == {"ok"}


async def test_a_redis_that_is_back_is_so_again(place: Place) -> None:
    """Nobody has to use the cache for that: asking how the service is is enough."""
    place.redis.kill()
    assert (await place.ready())[1]["components"]["redis"] == {"status": "away"}
    place.redis.start()

    async def back() -> bool:
        return bool((await place.ready())[1]["status"] == "ok")

    await until(back)


async def test_what_is_not_configured_is_not_asked_for(tmp_path: Path) -> None:
    """Without a Redis and an embedder nothing is said of them, and nothing is degraded by their absence."""
    async with open_app(Settings(data_dir=tmp_path / "data")) as app:
        transport = httpx.ASGITransport(create_api(app))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            components = (await client.get("/health/ready")).json()["components"]
    assert {*components} == {"database", "blobs", "workers", "provider", "disk"}
