"""Whose recordings somebody reads, over HTTP, on both databases: one's own, what others share, and what a link lends."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update
from starlette.types import Message

from library import add_recording
from people import House, code, open_house
from recordings import lecture_wav
from videochat.access import identity, repository
from videochat.access.tokens import hash_of
from videochat.app import App
from videochat.ops.tasks import cancelled
from videochat.store import events
from videochat.store.access_tables import LinkRow
from videochat.store.blob import content_key
from videochat.store.tables import Base
from waiting import until

WORDS = ("The secret recipe needs saffron.", "Stir it for nine minutes.")


@dataclass(frozen=True)
class Talk:
    """A recording of Anna's, and the ids of what was made of it."""

    media: str
    job: str
    answer: str
    conversation: str


@dataclass(frozen=True)
class Place:
    """An installation with Ada, who administers, Anna, who has a talk, and Ben, who has none."""

    house: House
    ada: httpx.AsyncClient
    anna: httpx.AsyncClient
    ben: httpx.AsyncClient
    talk: Talk


@pytest.fixture
async def place(database_url: str, tmp_path: Path) -> AsyncIterator[Place]:
    async with open_house(database_url, tmp_path) as house:
        ada, anna, ben = [await house.person(name) for name in ("Ada", "Anna", "Ben")]
        yield Place(house, ada, anna, ben, await record(house, anna, tmp_path))


async def record(house: House, anna: httpx.AsyncClient, folder: Path) -> Talk:
    """Let Anna bring a recording, which is transcribed, and ask it something."""
    content = lecture_wav(folder / "talk.wav", 1).read_bytes()
    uploaded = (await anna.post("/api/media?name=talk.wav", content=content)).json()
    owner = (await anna.get("/api/session")).json()["user"]["id"]
    await add_recording(house.app.database, "med_written", *WORDS, owner=owner)
    asked = await anna.post("/api/answers", json={"question": "What does the recipe need?", "media": ["med_written"]})
    answer = asked.json()

    async def ended() -> bool:
        return (await anna.get(f"/api/answers/{answer['id']}")).json()["status"] != "running"

    await until(ended)
    return Talk(uploaded["id"], uploaded["job"]["id"], answer["id"], answer["conversation"])


def doors(talk: Talk) -> list[tuple[str, str, Any]]:
    """Return every way to get at the recordings and what was made of them."""
    read = [
        f"/api/media/{media}{part}"
        for media in (talk.media, "med_written")
        for part in (
            "",
            "/content",
            "/transcript",
            "/transcript?format=txt",
            "/subtitles.vtt",
            "/waveform",
            "/grants",
            "/links",
        )
    ]
    read += [f"/api/jobs/{talk.job}", f"/api/jobs/{talk.job}/events", "/api/search?q=saffron&media=med_written"]
    read += [f"/api/answers/{talk.answer}", f"/api/answers/{talk.answer}/events"]
    read += [f"/api/conversations/{talk.conversation}"]
    change = [
        ("PATCH", f"/api/media/{talk.media}", {"name": "mine"}),
        ("DELETE", f"/api/media/{talk.media}", None),
        ("POST", f"/api/media/{talk.media}/transcription", {}),
        ("POST", f"/api/media/{talk.media}/grants", {"name": "Ben"}),
        ("POST", f"/api/media/{talk.media}/links", {}),
        ("POST", f"/api/jobs/{talk.job}/cancel", None),
        ("PATCH", f"/api/jobs/{talk.job}", {"priority": "low"}),
        ("POST", "/api/answers", {"question": "What is in it?", "media": ["med_written"]}),
        ("POST", f"/api/answers/{talk.answer}/cancel", None),
        ("POST", "/api/answers", {"question": "And?", "conversation": talk.conversation}),
        ("DELETE", f"/api/conversations/{talk.conversation}", None),
    ]
    return [("GET", path, None) for path in read] + change


async def test_nobody_gets_at_what_is_somebody_elses(place: Place) -> None:
    """By no door, neither as a member nor as an administrator: it is as if it were not there."""
    for other in (place.ben, place.ada):
        for method, path, body in doors(place.talk):
            answer = await other.request(method, path, json=body)
            assert answer.status_code == 404, (method, path, answer.text)
        for path in (
            "/api/media",
            "/api/media?shared=true",
            "/api/jobs",
            "/api/conversations",
            "/api/search?q=saffron",
        ):
            assert (await other.get(path)).json()["items"] == [], path
        done = await other.post("/api/jobs/actions", json={"action": "cancel", "jobs": [place.talk.job]})
        assert done.json()["items"][0]["error"]["code"] == "not_found"
    owned = (await place.anna.get(f"/api/jobs/{place.talk.job}")).json()
    assert owned["status"] != "cancelled"


async def test_an_answer_from_the_library_rests_on_ones_own_recordings(place: Place) -> None:
    """Asked about everything, Ben is told nothing of what Anna said; Anna is."""
    for client, told in ((place.anna, True), (place.ben, False)):
        asked = (await client.post("/api/answers", json={"question": "What does the secret recipe need?"})).json()
        stream = (await client.get(f"/api/answers/{asked['id']}/events")).text
        assert ("saffron" in stream) is told
        assert (asked["coverage"]["media"] > 0) is told


async def test_events_reach_their_owner_only(place: Place) -> None:
    """Who follows everything hears of nobody else's recordings."""
    owner = (await place.ben.get("/api/session")).json()["user"]["id"]
    everything = events.Everything(owner, ("job", "media", "answer"))
    assert await place.house.app.feed.page(0, everything) == []


async def test_a_stream_tells_its_owner_only(place: Place, tmp_path: Path) -> None:
    """While Anna brings a recording hers tells of it; Ben's is silent until he brings one himself."""
    content = [lecture_wav(tmp_path / f"{n}.wav", n).read_bytes() for n in (2, 3)]
    async with following(place.house, place.anna) as hers, following(place.house, place.ben) as his:
        registry = place.house.app.metrics.registry
        await until(lambda: registry.get_sample_value("videochat_http_streams") == 2)
        brought = (await place.anna.post("/api/media", content=content[0])).json()
        await until(lambda: brought["id"].encode() in hers and brought["job"]["id"].encode() in hers)
        own = (await place.ben.post("/api/media", content=content[1])).json()
        await until(lambda: own["id"].encode() in his)  # events come in order: what he was told of hers came before
    assert brought["id"].encode() not in his
    assert brought["job"]["id"].encode() not in his
    assert own["id"].encode() not in hers


@asynccontextmanager
async def following(house: House, client: httpx.AsyncClient) -> AsyncIterator[bytearray]:
    """Follow `/api/events` as this client, and give what has come so far: its transport would wait for the end."""
    told, leaving = bytearray(), asyncio.Event()
    cookie = f"videochat_session={client.cookies['videochat_session']}"
    scope = {
        "type": "http", "method": "GET", "path": "/api/events", "query_string": b"", "http_version": "1.1",
        "scheme": "http", "root_path": "", "headers": [(b"host", b"127.0.0.1"), (b"cookie", cookie.encode())],
    }  # fmt: skip

    async def receive() -> Message:
        await leaving.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        told.extend(message.get("body", b""))

    stream = asyncio.create_task(house.api(scope, receive, send))
    yield told
    leaving.set()
    await cancelled(stream)


async def test_what_is_shared_is_read_and_no_more(place: Place) -> None:
    """Ben reads, plays, searches and asks what Anna shares; he changes nothing, and passes nothing on."""
    assert (await place.ben.get("/api/search?q=saffron")).json()["items"] == []
    shared = await place.anna.post("/api/media/med_written/grants", json={"name": "ben"})
    assert (shared.status_code, shared.json()["name"]) == (201, "Ben")
    found = (await place.ben.get("/api/media?shared=true")).json()["items"]
    assert [(one["id"], one["mine"]) for one in found] == [("med_written", False)]
    assert (await place.ben.get("/api/media")).json()["items"] == []
    transcript = (await place.ben.get("/api/media/med_written/transcript")).json()
    assert transcript["segments"][0]["text"] == WORDS[0]
    assert (await place.ben.get("/api/search?q=saffron")).json()["items"][0]["media"] == "med_written"
    await place.anna.patch("/api/media/med_written", json={"name": "Saffron"})
    for path in ("/api/search?q=saffron", "/api/search?q=saffron&media=med_written"):
        assert (await place.ben.get(path)).json()["items"][0]["name"] == "Saffron"
    asked = (await place.ben.post("/api/answers", json={"question": "What does the recipe need?"})).json()
    assert "saffron" in (await place.ben.get(f"/api/answers/{asked['id']}/events")).text
    assert code(await place.ben.patch("/api/media/med_written", json={"name": "mine"}))[0] == 404
    assert code(await place.ben.delete("/api/media/med_written")) == (403, "not_owner")
    assert code(await place.ben.post("/api/media/med_written/transcription", json={})) == (403, "not_owner")
    assert code(await place.ben.post("/api/media/med_written/links", json={}))[0] == 404
    assert code(await place.ben.get(f"/api/media/{place.talk.media}"))[0] == 404
    (reader,) = (await place.anna.get("/api/media/med_written/grants")).json()["items"]
    assert (await place.anna.delete(f"/api/media/med_written/grants/{reader['id']}")).status_code == 204
    assert code(await place.ben.get("/api/media/med_written/transcript"))[0] == 404
    assert (await place.ben.get("/api/search?q=saffron")).json()["items"] == []


async def test_sharing_with_nobody_is_said(place: Place) -> None:
    """An account that is not there, oneself, and a grant that was not there are errors."""
    grants = "/api/media/med_written/grants"
    assert code(await place.anna.post(grants, json={"name": "Zoe"})) == (404, "unknown_user")
    assert code(await place.anna.post(grants, json={"name": "Anna"})) == (422, "invalid")
    assert code(await place.anna.delete(f"{grants}/usr_none")) == (404, "not_found")


async def test_a_link_lends_one_recording(place: Place) -> None:
    """Whoever has it reads, plays and searches this one and nothing else, until it is revoked; the link stands behind #."""
    made = (await place.anna.post("/api/media/med_written/links", json={"days": 1})).json()
    path, _, token = made["path"].partition("#")
    assert path == "/shared"
    guest = await place.house.stranger()
    assert code(await guest.post("/api/session/link", json={"token": token + "x"})) == (404, "bad_link")
    assert (await guest.post("/api/session/link", json={"token": token})).json() == {"media_id": "med_written"}
    session = (await guest.get("/api/session")).json()
    assert (session["kind"], session["permissions"], session["media"]) == ("link", ["read"], ["med_written"])
    assert (await guest.get("/api/media/med_written/transcript")).json()["segments"][0]["text"] == WORDS[0]
    assert (await guest.get("/api/search?q=saffron")).json()["items"][0]["media"] == "med_written"
    assert code(await guest.get(f"/api/media/{place.talk.media}"))[0] == 404
    assert (await guest.get("/api/media")).json()["items"] == []
    for method, there, body in doors(place.talk):
        if method != "GET":
            assert (await guest.request(method, there, json=body)).status_code == 403, there
    assert code(await guest.get("/api/ops/settings")) == (403, "not_permitted")
    (link,) = (await place.anna.get("/api/media/med_written/links")).json()["items"]
    assert link.keys() == {"id", "prefix", "created_at", "expires_at"}
    assert (await place.anna.delete(f"/api/media/med_written/links/{link['id']}")).status_code == 204
    assert code(await guest.get("/api/media/med_written/transcript")) == (401, "unauthenticated")


async def test_a_link_runs_out(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its time nobody opens it and who opened it is out, also while this process remembers whose it is."""
    made = (await place.anna.post("/api/media/med_written/links", json={"days": 1})).json()
    token, read = made["path"].partition("#")[2], "/api/media/med_written/transcript"
    guest, late = await place.house.stranger(), await place.house.stranger()
    assert (await guest.post("/api/session/link", json={"token": token})).status_code == 200
    assert (await guest.get(read)).status_code == 200
    with monkeypatch.context() as two_days_later:
        two_days_later.setattr(identity, "datetime", TwoDaysLater)
        assert code(await guest.get(read)) == (401, "unauthenticated")  # it is remembered, nothing was read anew
    assert (await guest.get(read)).status_code == 200
    async with place.house.app.database.write() as session:
        await session.execute(update(LinkRow).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    place.house.app.identities.forget()
    assert code(await guest.get(read)) == (401, "unauthenticated")
    assert code(await late.post("/api/session/link", json={"token": token})) == (404, "bad_link")
    async with place.house.app.database.read() as session:
        assert await repository.lent_with(session, hash_of(token), datetime.now(UTC)) is None


class TwoDaysLater(datetime):
    """A clock that goes ahead."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> TwoDaysLater:
        return super().now(tz) + timedelta(days=2)


async def test_who_is_signed_in_reads_what_a_link_lends_beside_the_own(place: Place) -> None:
    """Opening a link does not sign Ben out, and what he asks of it is his."""
    made = (await place.anna.post("/api/media/med_written/links", json={})).json()
    await place.ben.post("/api/session/link", json={"token": made["path"].partition("#")[2]})
    assert (await place.ben.get("/api/session")).json()["user"]["name"] == "Ben"
    assert (await place.ben.get("/api/media/med_written")).json()["mine"] is False
    long = await place.anna.post("/api/media/med_written/links", json={"days": 400})
    assert code(long) == (422, "invalid")


async def test_the_same_content_is_each_owners_own(place: Place, tmp_path: Path) -> None:
    """Ben brings what Anna brought: he is not told that it was known, and what he deletes she keeps."""
    content = (tmp_path / "talk.wav").read_bytes()
    known = await place.ben.post(f"/api/media?sha256={(await media_of(place.anna, place.talk.media))['sha256']}")
    assert code(known) == (404, "unknown_content")
    his = await place.ben.post("/api/media?name=talk.wav", content=content)
    assert "x-already-known" not in his.headers
    assert (await place.ben.delete(f"/api/media/{his.json()['id']}")).status_code == 204
    assert (await place.anna.get(f"/api/media/{place.talk.media}/content")).content == content


async def media_of(client: httpx.AsyncClient, media_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get(f"/api/media/{media_id}")).json()
    return found


async def test_erased_is_erased(place: Place) -> None:
    """With an account goes all that is of it, from every table and from disk; the book knows it by id and address alone."""
    app, talk = place.house.app, place.talk
    user = (await place.anna.get("/api/session")).json()["user"]["id"]
    made = (await place.anna.post("/api/account/keys", json={"name": "her tool", "scopes": ["read"]})).json()
    await place.anna.post("/api/media/med_written/grants", json={"name": "Ben"})
    await place.anna.post("/api/media/med_written/links", json={})
    assert (await place.anna.post("/api/session", json={"name": "ANNA", "password": "wrong"})).status_code == 401
    change = {"old": "wrong", "new": "another good password"}
    assert (await place.anna.put("/api/account/password", json=change)).status_code == 401
    sha256 = (await media_of(place.anna, talk.media))["sha256"]
    assert {"attempts", "events", "usage", "segments", "answers"} <= set(
        await tables_with(app, user, "saffron", ":anna")
    )
    assert (await place.ada.delete(f"/api/users/{user}")).status_code == 204
    assert (await place.anna.get("/api/media")).status_code == 401
    await app.media.erase_leftovers(0)  # a chore that else comes later: until then the hash of what was erased is known
    hers = ("Anna", ":anna", "her tool", made["id"], sha256, "saffron", "nine minutes", "talk.wav")
    assert await tables_with(app, *hers) == []
    ids = (user, talk.media, "med_written", talk.job, talk.answer, talk.conversation)
    assert await tables_with(app, *ids) == ["audit"]
    assert not await app.blobs.exists(content_key(sha256))
    assert code(await place.ada.get(f"/api/users/{user}"))[0] == 404


async def tables_with(app: App, *words: str) -> list[str]:
    """Return the tables in which one of these stands anywhere."""
    found = []
    async with app.database.read() as session:
        for table in Base.metadata.sorted_tables:
            rows = str([tuple(row) for row in await session.execute(select(table))])
            if any(word in rows for word in words):
                found.append(table.name)
    return found


async def test_one_takes_along_what_is_ones_own(place: Place, tmp_path: Path) -> None:
    """A zip file holds the recordings byte for byte, the words, the questions and answers – and nothing of anybody else's."""
    await place.anna.post("/api/media/med_written/grants", json={"name": "Ben"})
    hers = await zip_of(place.anna)
    assert hers[f"recordings/{place.talk.media}/talk.wav"] == (tmp_path / "talk.wav").read_bytes()
    assert WORDS[0] in hers["recordings/med_written/transcript.json"].decode()
    conversation = json.loads(hers[f"conversations/{place.talk.conversation}.json"])
    assert conversation["answers"][0]["question"] == "What does the recipe need?"
    account = json.loads(hers["account.json"])
    assert account["name"] == "Anna"
    assert account["usage"] == (await place.anna.get("/api/account")).json()["usage"]
    assert account["usage"]["storage_bytes"] > len(hers[f"recordings/{place.talk.media}/talk.wav"])
    assert not any("password" in name or b"argon2" in content for name, content in hers.items())
    assert {*await zip_of(place.ben)} == {"account.json"}


async def test_what_is_still_being_fetched_does_not_tear_the_file(place: Place) -> None:
    """A recording that has not come yet is told of, without a hash and without content, and all others are there."""
    link = await place.anna.post("/api/media/import", json={"url": "https://example.org/later.wav"})
    expected = link.json()["media_id"]
    hers = await zip_of(place.anna)
    about = json.loads(hers[f"recordings/{expected}/about.json"])
    assert (about["status"], about["sha256"]) == ("expected", None)
    assert [name for name in hers if expected in name] == [f"recordings/{expected}/about.json"]
    assert f"recordings/{place.talk.media}/talk.wav" in hers


async def zip_of(client: httpx.AsyncClient) -> dict[str, bytes]:
    answer = await client.get("/api/account/export")
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}
