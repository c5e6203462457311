"""What people type and what lets them in: planted into requests that go well and that fail, and looked for in every log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from library import add_media
from loopback import serving
from people import House, open_house
from recordings import lecture_wav
from videochat.app import App
from videochat.ops.logging import configure_logging
from videochat.settings import Settings

pytestmark = pytest.mark.usefixtures("logging_as_it_was")

QUERY, TITLE, QUESTION = "planted-query-zeppelin", "planted-title-zeppelin", "planted-question-zeppelin"
OLD, NEW, WRONG = "planted-old-password", "planted-new-password", "planted-wrong-password"
NO_KEY, NO_LINK = "vck_planted-key-of-nobody", "vcl_planted-link-of-nobody"
ME = "/api/session"


@dataclass(frozen=True)
class Planted:
    """What must not be found, by its name, and the clients that know it."""

    texts: dict[str, str]
    anna: httpx.AsyncClient
    program: httpx.AsyncClient
    stranger: httpx.AsyncClient
    media: str


@asynccontextmanager
async def logging_house(url: str, folder: Path, **log: str) -> AsyncIterator[tuple[House, str]]:
    """Open an installation on a real port, whose process logs as a service does: a crash is said by the server alone."""
    configure_logging(Settings(data_dir=folder / "data", log=log), "web")
    async with open_house(url, folder) as house, serving(house.api) as address:
        yield house, address


@asynccontextmanager
async def client(address: str, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=address, headers={"Origin": address, **headers}, timeout=30) as opened:
        yield opened


@asynccontextmanager
async def planted(house: House, address: str) -> AsyncIterator[Planted]:
    """Let Anna, who administers, sign in and make a key and a link, over HTTP as everything here."""
    user = await house.app.access.add_user("Anna", "admin", OLD)
    await add_media(house.app.database, "med_1", owner=user.id)
    async with client(address) as anna, client(address) as stranger:
        assert (await anna.post(ME, json={"name": "Anna", "password": OLD})).status_code == 200
        key = (await anna.post("/api/account/keys", json={"name": "tool", "scopes": ["read", "ask"]})).json()["key"]
        link = (await anna.post("/api/media/med_1/links", json={})).json()["path"].partition("#")[2]
        texts = {
            "query": QUERY, "title": TITLE, "question": QUESTION, "old password": OLD, "new password": NEW,
            "wrong password": WRONG, "key": key, "link": link, "session": anna.cookies["videochat_session"],
            "wrong key": NO_KEY, "wrong link": NO_LINK, "hash of a password": "$argon2id",
        }  # fmt: skip
        async with client(address, Authorization=f"Bearer {key}") as program:
            yield Planted(texts, anna, program, stranger, "med_1")


async def go_well(here: Planted, folder: Path) -> list[int]:
    """Search, rename, upload, ask, open the link and change the password; return the statuses."""
    content = lecture_wav(folder / "talk.wav", 1).read_bytes()
    return [
        (await here.anna.get("/api/search", params={"q": QUERY})).status_code,
        (await here.program.get("/api/search", params={"q": QUERY})).status_code,
        (await here.anna.patch(f"/api/media/{here.media}", json={"name": TITLE})).status_code,
        (await here.anna.post("/api/media", params={"name": f"{TITLE}.wav"}, content=content)).status_code,
        (await here.program.post("/api/answers", json={"question": QUESTION})).status_code,
        (await here.stranger.post(f"{ME}/link", json={"token": here.texts["link"]})).status_code,
        (await here.stranger.get(f"/api/media/{here.media}")).status_code,
        (await here.anna.put("/api/account/password", json={"old": OLD, "new": NEW})).status_code,
    ]


async def are_refused(here: Planted) -> list[int]:
    """Send what is wrong in some way, also secrets where an address or an id should be; return the statuses."""
    key, link, session = (here.texts[name] for name in ("key", "link", "session"))
    wrong = {"Authorization": f"Bearer {NO_KEY}"}
    return [
        (await here.anna.get("/api/search", params={"q": QUERY, "limit": -1})).status_code,
        (await here.anna.patch(f"/api/media/{here.media}", json={"name": [TITLE]})).status_code,
        (await here.anna.post("/api/media", params={"name": TITLE}, content=b"no recording")).status_code,
        (await here.anna.post("/api/answers", content=f'{{"question": "{QUESTION}')).status_code,
        (await here.stranger.post(ME, json={"name": "Anna", "password": WRONG})).status_code,
        (await here.stranger.post(ME, json={"name": "Anna", "password": {"is": WRONG}})).status_code,
        (await here.anna.put("/api/account/password", json={"old": WRONG, "new": NEW})).status_code,
        (await here.stranger.post(f"{ME}/link", json={"token": NO_LINK})).status_code,
        (await here.stranger.get("/api/media", headers=wrong)).status_code,
        (await here.stranger.get("/shared/" + link)).status_code,
        (await here.anna.get(f"/api/media/{key}", headers={"X-Request-ID": session})).status_code,
    ]


async def crash(here: Planted, app: App, folder: Path) -> list[int]:
    """Do what somebody's database refuses although it is there, so that nobody catches it; return the statuses."""
    for table in ("answers", "media", "users", "sessions", "keys"):
        await refuse_to_write(app, table)
    content = lecture_wav(folder / "other.wav", 2).read_bytes()
    return [
        (await here.program.post("/api/answers", json={"question": QUESTION})).status_code,
        (await here.anna.patch(f"/api/media/{here.media}", json={"name": TITLE})).status_code,
        (await here.anna.post("/api/media", params={"name": TITLE}, content=content)).status_code,
        (await here.anna.put("/api/account/password", json={"old": NEW, "new": OLD})).status_code,
        (await here.stranger.post(ME, json={"name": "Anna", "password": NEW})).status_code,
    ]


async def refuse_to_write(app: App, table: str) -> None:
    """Let the database refuse each new state of the table's rows, and say what it thinks of it."""
    refused = (
        [f"ALTER TABLE {table} ADD CONSTRAINT broken CHECK (false) NOT VALID"]
        if app.database.dialect == "postgresql"
        else [
            f"CREATE TRIGGER broken_{table}_{what} BEFORE {what} ON {table} BEGIN SELECT RAISE(ABORT, 'broken'); END"
            for what in ("INSERT", "UPDATE")
        ]
    )
    async with app.database.write() as session:
        for statement in refused:
            await session.execute(text(statement))


def logged(folder: Path, capfd: pytest.CaptureFixture[str]) -> dict[str, str]:
    """Return everything that was logged, by where."""
    files = "".join(file.read_text() for file in (folder / "data" / "logs").iterdir())
    return {"files": files, "console": capfd.readouterr().err}


def found(texts: dict[str, str], places: dict[str, str]) -> list[tuple[str, str]]:
    return [(name, where) for name, secret in texts.items() for where, said in places.items() if secret in said]


@pytest.mark.parametrize("form", ["json", "console"])
async def test_nothing_that_was_planted_is_logged(
    database_url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], form: str
) -> None:
    """Neither personal text nor a secret is in a file or on the console, whether a request goes well, is refused or crashes."""
    async with (
        logging_house(database_url, tmp_path, format=form, level="DEBUG") as (house, address),
        planted(house, address) as here,
    ):
        well = await go_well(here, tmp_path)
        refused = await are_refused(here)
        crashed = await crash(here, house.app, tmp_path)
    assert all(status < 400 for status in well), well
    assert all(400 <= status < 500 for status in refused), refused
    assert crashed == [500] * 5
    places = logged(tmp_path, capfd)
    for said in places.values():
        assert said.count("Exception in ASGI application") == 5
    assert found(here.texts, places) == []
