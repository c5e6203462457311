"""Settings that change while processes run, on both databases; two Apps stand for two processes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text
from structlog.testing import capture_logs

from videochat.app import App, open_app
from videochat.errors import InvalidError
from videochat.ops.actor import LOCAL
from videochat.ops.live import RELOADABLE
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


async def store(app: App, values: dict[str, str]) -> None:
    """Store settings as another version may have, unseen by those that run."""
    async with app.database.write() as session:
        for name, value in values.items():
            await session.execute(
                text("INSERT INTO settings VALUES (:name, :value, '2026-01-01 00:00:00', 'me')"),
                {"name": name, "value": value},
            )


async def listed(client: httpx.AsyncClient) -> dict[str, dict[str, Any]]:
    return {item["name"]: item for item in (await client.get("/api/ops/settings")).json()["items"]}


async def test_what_could_not_be_read_for_a_moment_is_taken_up_a_little_later(
    apps: tuple[App, App], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that could not be opened when it changed counts soon, without another change and without a restart."""
    keeper, read = apps[0].keeper, apps[0].keeper._read
    tries: list[None] = []

    def read_at_the_second_try() -> Settings:
        tries.append(None)
        if len(tries) == 1:
            raise PermissionError(13, "Permission denied", ".env")
        return read()

    monkeypatch.setattr(keeper, "_read", read_at_the_second_try)
    save(".env", "STT__MODEL=tiny")
    await until(lambda: apps[0].settings.stt.model == "tiny")
    assert len(tries) > 1


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


VALUES: dict[str, Any] = {"ALERTS__RULES": "rules.toml", "LOG__LEVEL": "WARNING"}
"""Where neither the default nor a text is a value that fits."""


def fitting(name: str) -> Any:
    """Return a value that this setting may have."""
    default = RELOADABLE[name].info.default
    return VALUES.get(name, "some" if default is None and _is_text(name) else 1 if default is None else default)


def _is_text(name: str) -> bool:
    kinds = {RELOADABLE[name].info.annotation, *get_args(RELOADABLE[name].info.annotation)}
    return bool(kinds & {str, SecretStr})


async def test_every_reloadable_setting_can_be_changed_over_the_api(
    apps: tuple[App, App], client: httpx.AsyncClient
) -> None:
    """Whatever kind of value it has, it is stored in a form that the other process reads back."""
    here, there = apps
    # The key comes last: with a language model the two prices cannot be set one after the other.
    for name in sorted(RELOADABLE, key=lambda name: name == "AI__API_KEY"):
        answer = await client.put(f"/api/ops/settings/{name}", json={"value": fitting(name)})
        assert (answer.status_code, answer.json().get("source")) == (200, "changed"), (name, answer.text)
        assert RELOADABLE[name].of(here.settings) is not None, name
    await soon(lambda: all(one.of(there.settings) == one.of(here.settings) for one in RELOADABLE.values()))
    assert {override.name for override in await there.keeper.overrides()} == {*RELOADABLE}
    assert (refused(here), refused(there)) == (0, 0)


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


async def test_what_is_invalid_leaves_everything_as_it_was(apps: tuple[App, App], client: httpx.AsyncClient) -> None:
    """Half of a broken file is not taken either; that it was refused is told until the next good one counts."""
    here, there = apps
    before = here.settings
    with capture_logs() as lines:
        save(".env", "STT__MODEL=tiny\nAI__API_KEY=sk-planted\nSTT__BEAM_SIZE=0\n")
        await soon(lambda: refused(here) == refused(there) == 1)
    assert here.settings == before
    (told,) = (await client.get("/api/ops/settings")).json()["refused"]
    assert (told["name"], "STT__BEAM_SIZE" in told["message"]) == (None, True)
    assert [line["error"] for line in lines if line["event"] == "settings.refused"] == [told["message"]] * 2
    assert "sk-planted" not in f"{told}{lines}"
    save(".env", "STT__MODEL=tiny\nSTT__BEAM_SIZE=1\n")
    await soon(lambda: (here.settings.stt.model, here.settings.stt.beam_size) == ("tiny", 1))
    assert (await client.get("/api/ops/settings")).json()["refused"] == []


async def test_what_needs_a_restart_is_said(apps: tuple[App, App], client: httpx.AsyncClient) -> None:
    """It does not change, it is listed, and the API refuses it."""
    here, _ = apps
    save(".env", "ENVIRONMENT=testing\nSERVER__PORT=9999\nLOG__LEVEL=WARNING\n")
    await soon(lambda: here.settings.log.level == "WARNING")
    assert here.settings.server.port == 8000
    assert (await client.get("/api/ops/settings")).json()["waiting"] == ["ENVIRONMENT", "SERVER__PORT"]
    for name in ("SERVER__PORT", "SECRET_KEY"):
        answer = await client.put(f"/api/ops/settings/{name}", json={"value": 9999})
        assert (answer.status_code, "restart" in answer.json()["detail"]) == (422, True)


async def test_production_is_not_made_unfit_while_it_runs(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the API nor a file nor what was stored before sets what no process would start with; the rest counts."""
    monkeypatch.chdir(tmp_path)
    read = partial(
        load_settings, environment="production", secret_key=KEY, data_dir=tmp_path, database={"url": database_url}
    )
    async with open_app(read(), read) as app:
        await store(app, {"LOG__LEVEL": '"DEBUG"', "STT__MODEL": '"tiny"'})
        await app.keeper.start()
        assert (app.settings.log.level, app.settings.stt.model, refused(app)) == ("INFO", "tiny", 1)
        await app.keeper.reset(LOCAL, "LOG__LEVEL")
        save(".env", "LOG__LEVEL=DEBUG\nSTT__LANGUAGE=en\n")
        await soon(lambda: refused(app) >= 2)
        assert (app.settings.log.level, app.settings.stt.language) == ("INFO", None)
        save(".env", "STT__LANGUAGE=de\n")
        await soon(lambda: app.settings.stt.language == "de")
        with pytest.raises(InvalidError, match="LOG__LEVEL"):
            await app.keeper.change(LOCAL, "LOG__LEVEL", "DEBUG")
        assert app.settings.log.level == "INFO"
        assert [override.name for override in await app.keeper.overrides()] == ["STT__MODEL"]


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


async def test_a_secret_can_be_unset(
    apps: tuple[App, App], client: httpx.AsyncClient
) -> None:  # fmt: skip
    """Null wins over the source, here and in the other process, and still does after both have looked again."""
    here, there = apps
    save(".env", "AI__EMBEDDING_API_KEY=sk-planted\n")
    await soon(lambda: None not in (here.settings.ai.embedding_api_key, there.settings.ai.embedding_api_key))
    answer = await client.put("/api/ops/settings/AI__EMBEDDING_API_KEY", json={"value": None})
    assert (answer.status_code, answer.json()["is_set"], answer.json()["source"]) == (200, False, "changed")
    await soon(lambda: there.settings.ai.embedding_api_key is None)
    save(".env", "AI__EMBEDDING_API_KEY=sk-planted\nSTT__MODEL=tiny\n")
    await soon(lambda: here.settings.stt.model == "tiny" == there.settings.stt.model)
    assert (here.settings.ai.embedding_api_key, there.settings.ai.embedding_api_key) == (None, None)
    assert (refused(here), refused(there)) == (0, 0)


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
    await store(here, {"STT__BEAM_SIZE": "77", "GONE__NAME": "1", "AI__API_KEY": "torn", "AI__MODEL": "not-json"})
    await here.keeper.change(LOCAL, "STT__MODEL", "tiny")
    await soon(lambda: there.settings.stt.model == "tiny")
    assert there.settings.stt.beam_size == 5
    assert refused(there) >= 4
    assert [one.name for one in there.keeper.refused] == ["AI__API_KEY", "AI__MODEL", "GONE__NAME", "STT__BEAM_SIZE"]
    async with open_app(here.keeper.configured) as later:
        await later.keeper.start()  # nor does it keep a process from starting
        assert (later.settings.stt.model, refused(later)) == ("tiny", 4)
