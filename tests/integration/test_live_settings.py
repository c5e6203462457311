"""Settings that change while processes run, on both databases; two Apps stand for two processes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from videochat.app import App, open_app
from videochat.ops.actor import LOCAL
from videochat.settings import Settings, load_settings
from videochat.web.server import create_api
from waiting import until

SOON = 2.0  # seconds in which every process of a cluster has taken up a change
KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
async def apps(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[App, App]]:
    """Give two Apps on one database that keep up with their settings, started in the same folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SECRET_KEY", KEY)
    read = partial(load_settings, data_dir=tmp_path / "data", database={"url": database_url})
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(open_app(read(), read)) for _ in range(2)]
        for app in opened:
            await app.keeper.start()
        yield opened[0], opened[1]


@pytest.fixture
async def client(apps: tuple[App, App]) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of the first of them."""
    transport = httpx.ASGITransport(create_api(apps[0]))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as opened:
        yield opened


async def soon(condition: Callable[[], bool]) -> float:
    """Wait until it is so, and return how long that took; at most two seconds."""
    return await until(condition, SOON)


def save(name: str, content: str) -> None:
    """Write a file of settings into the folder in which the processes were started."""
    Path(name).write_text(content, encoding="utf-8")


def remove(name: str) -> None:
    Path(name).unlink()


def refused(app: App) -> float:
    return app.metrics.registry.get_sample_value("videochat_settings_reloads_total", {"outcome": "refused"}) or 0.0


async def listed(client: httpx.AsyncClient) -> dict[str, dict[str, Any]]:
    return {item["name"]: item for item in (await client.get("/api/ops/settings")).json()["items"]}


async def test_a_change_over_the_api_reaches_every_process_and_stays(
    apps: tuple[App, App], client: httpx.AsyncClient, database_url: str
) -> None:
    """The one that was asked has it at once, the other within two seconds, one that starts later from the start."""
    here, there = apps
    answer = await client.put("/api/ops/settings/STT__MODEL", json={"value": "tiny"})
    assert (answer.status_code, answer.json()["value"], answer.json()["source"]) == (200, "tiny", "changed")
    assert here.settings.stt.model == "tiny"
    await soon(lambda: there.settings.stt.model == "tiny")
    async with open_app(here.keeper.configured) as later:
        await later.keeper.start()
        assert later.settings.stt.model == "tiny"
    assert (await client.delete("/api/ops/settings/STT__MODEL")).json()["source"] == "default"
    await soon(lambda: there.settings.stt.model == "small" == here.settings.stt.model)


async def test_a_changed_file_is_taken_up(apps: tuple[App, App], client: httpx.AsyncClient) -> None:
    """`.env` and `videochat.toml` count within two seconds after they are saved, made or removed."""
    here, there = apps
    save(".env", "SERVER__MAX_UPLOAD_BYTES=1000\n")
    await soon(lambda: here.settings.server.max_upload_bytes == there.settings.server.max_upload_bytes == 1000)
    refusal = await client.post("/api/media?name=a.wav", content=b"x" * 2000)
    assert (refusal.status_code, refusal.json()["code"]) == (413, "too_large")
    save("videochat.toml", '[stt]\nhotwords = "Kubernetes"\n')
    await soon(lambda: there.settings.stt.hotwords == "Kubernetes" == here.settings.stt.hotwords)
    assert (await listed(client))["STT__HOTWORDS"]["source"] == "configured"
    remove(".env")
    await soon(lambda: here.settings.server.max_upload_bytes == Settings().server.max_upload_bytes)


async def test_what_is_invalid_leaves_everything_as_it_was(apps: tuple[App, App]) -> None:
    """Half of a broken file is not taken either; that it was refused is counted, and the next good one counts."""
    here, _ = apps
    before = here.settings
    save(".env", "STT__MODEL=tiny\nSTT__BEAM_SIZE=0\n")
    await soon(lambda: refused(here) == 1)
    assert here.settings == before
    save(".env", "STT__MODEL=tiny\nSTT__BEAM_SIZE=1\n")
    await soon(lambda: (here.settings.stt.model, here.settings.stt.beam_size) == ("tiny", 1))


async def test_what_needs_a_restart_is_said(apps: tuple[App, App], client: httpx.AsyncClient) -> None:
    """It does not change, it is listed, and the API refuses it."""
    here, _ = apps
    save(".env", "SERVER__PORT=9999\nLOG__LEVEL=WARNING\n")
    await soon(lambda: here.settings.log.level == "WARNING")
    assert here.settings.server.port == 8000
    assert (await client.get("/api/ops/settings")).json()["waiting"] == ["SERVER__PORT"]
    answer = await client.put("/api/ops/settings/SERVER__PORT", json={"value": 9999})
    assert answer.status_code == 422
    assert "restart" in answer.json()["detail"]


async def test_a_wrong_value_is_refused_and_not_stored(client: httpx.AsyncClient) -> None:
    """Unknown names are 404, values of the wrong kind 422 with the reason."""
    assert (await client.put("/api/ops/settings/STT__MODELL", json={"value": "x"})).status_code == 404
    wrong = await client.put("/api/ops/settings/STT__BEAM_SIZE", json={"value": 99})
    assert wrong.status_code == 422
    assert "STT__BEAM_SIZE" in wrong.json()["detail"]
    assert (await listed(client))["STT__BEAM_SIZE"]["source"] == "default"


async def test_a_secret_is_sealed_shown_to_nobody_and_used(
    apps: tuple[App, App], client: httpx.AsyncClient
) -> None:  # fmt: skip
    """With a key from the API the other process answers with the language model; the database has the key only sealed."""
    here, there = apps
    assert there.answers.provider.name == "extractive"
    answer = await client.put("/api/ops/settings/AI__API_KEY", json={"value": "sk-planted"})
    assert (answer.status_code, answer.json()["value"], answer.json()["is_set"]) == (200, None, True)
    await soon(lambda: there.answers.provider.name == "pydantic-ai" == here.answers.provider.name)
    assert "sk-planted" not in (await client.get("/api/ops/settings")).text
    async with here.database.read() as session:
        rows = (await session.execute(text("SELECT name, value FROM settings"))).all()
        told = (await session.execute(text("SELECT data FROM events"))).all()
    assert [name for name, _ in rows] == ["AI__API_KEY"]
    assert "sk-planted" not in f"{rows}{told}"
    await client.delete("/api/ops/settings/AI__API_KEY")
    await soon(lambda: there.answers.provider.name == "extractive")


async def test_a_secret_without_a_key_to_seal_it_is_refused(database_url: str, tmp_path: Path) -> None:
    """It is no failure of the service: the answer says what to set, and nothing is stored or in force."""
    async with open_app(Settings(data_dir=tmp_path / "data", database={"url": database_url})) as app:
        transport = httpx.ASGITransport(create_api(app))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            answer = await client.put("/api/ops/settings/AI__API_KEY", json={"value": "sk-planted"})
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
        assert "openssl rand" in answer.json()["detail"]
        assert app.settings.ai.api_key is None
        assert await app.keeper.overrides() == []


async def test_a_stored_value_that_is_no_longer_valid_does_not_spoil_the_others(apps: tuple[App, App]) -> None:
    """What an earlier or later version stored, or another SECRET_KEY sealed, is left out and counted."""
    here, there = apps
    async with here.database.write() as session:
        for name, value in [("STT__BEAM_SIZE", "77"), ("GONE__NAME", "1"), ("AI__API_KEY", "torn")]:
            await session.execute(
                text("INSERT INTO settings VALUES (:name, :value, '2026-01-01 00:00:00', 'me')"),
                {"name": name, "value": value},
            )
    await here.keeper.change(LOCAL, "STT__MODEL", "tiny")
    await soon(lambda: there.settings.stt.model == "tiny")
    assert there.settings.stt.beam_size == 5
    assert refused(there) >= 3
