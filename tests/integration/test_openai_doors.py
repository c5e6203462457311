"""Who comes in through OpenAI's clients: keys, roles and other people's recordings, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI

from library import add_recording
from loopback import openai_client, serving
from people import PASSWORD, House, open_house
from recordings import lecture_wav
from stub_provider import Reply, stub_provider
from videochat.access.user import Role
from videochat.ops.actor import PERMISSIONS, Permission
from waiting import until

ASKED: list[Any] = [{"role": "user", "content": "What does the recipe need?"}]
SECRET = "saffron"


@dataclass(frozen=True)
class Place:
    """An installation with accounts, served on a real address."""

    house: House
    address: str
    stack: AsyncExitStack

    async def client(
        self, name: str, role: Role = "member", scopes: frozenset[Permission] = PERMISSIONS
    ) -> AsyncOpenAI:
        """Make an account with a key and give a client that has it."""
        user = await self.house.app.access.add_user(name, role, PASSWORD)
        token, _ = await self.house.app.access.add_key(user.id, "tool", scopes)
        return await self.with_key(token.text)

    async def with_key(self, key: str) -> AsyncOpenAI:
        return await self.stack.enter_async_context(openai_client(self.address, key, max_retries=0))


@pytest.fixture
async def place(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> AsyncIterator[Place]:
    limits = getattr(request, "param", {})
    async with (
        open_house(database_url, tmp_path, limits=limits) as house,
        serving(house.api) as address,
        AsyncExitStack() as stack,
    ):
        yield Place(house, address, stack)


async def test_a_wrong_key_is_said_to_be_one(place: Place) -> None:
    """In OpenAI's shape, at every address, so that its clients raise what their users expect."""
    for key, code in (("sk-somebody-elses", "unauthenticated"), ("vck_" + "x" * 43, "bad_key")):
        client = await place.with_key(key)
        with pytest.raises(openai.AuthenticationError) as caught:
            await client.models.list()
        assert (caught.value.code, caught.value.type) == (code, "authentication_error")
        assert caught.value.response.headers["www-authenticate"] == "Bearer"
        with pytest.raises(openai.AuthenticationError):
            await client.chat.completions.create(model="library", messages=ASKED, stream=True)
        with pytest.raises(openai.AuthenticationError):
            await client.audio.transcriptions.create(file=("a.wav", b"RIFF"), model="whisper-1")


async def test_other_people_s_recordings_are_not_there(place: Place) -> None:
    """Neither by their id nor in the library; what is shared is, until it is not."""
    await place.client("Ada")
    ben = await place.client("Ben")
    anna = await place.house.person("Anna")
    owner = (await anna.get("/api/session")).json()["user"]["id"]
    await add_recording(place.house.app.database, "med_written", f"The secret recipe needs {SECRET}.", owner=owner)
    create = ben.chat.completions.create
    for model in ("med_written", "med_none"):
        for stream in (False, True):
            with pytest.raises(openai.NotFoundError):
                await create(model=f"media:{model}", messages=ASKED, stream=stream)
        with pytest.raises(openai.NotFoundError):
            await ben.models.retrieve(f"media:{model}")
    assert SECRET not in (await create(model="library", messages=ASKED)).model_dump_json()
    ben_id = (await place.house.app.access.user_named("Ben")).id
    assert (await anna.post("/api/media/med_written/grants", json={"name": "Ben"})).is_success
    answer = await create(model="media:med_written", messages=ASKED)
    assert SECRET in (answer.choices[0].message.content or "")
    assert (await ben.models.retrieve("media:med_written")).created > 0
    assert (await anna.delete(f"/api/media/med_written/grants/{ben_id}")).is_success
    with pytest.raises(openai.NotFoundError):
        await create(model="media:med_written", messages=ASKED)


async def test_roles_and_scopes(place: Place, tmp_path: Path) -> None:
    """Who only reads and asks brings nothing in, and a key does no more than it is for."""
    admin = await place.client("Ada")
    viewer = await place.client("Vera", "viewer")
    reader = await place.client("Rob", scopes=frozenset({"read"}))
    assert (await viewer.chat.completions.create(model="library", messages=ASKED)).choices
    assert [model.id async for model in reader.models.list()]
    speech = lecture_wav(tmp_path / "a.wav", 1)
    refused = [
        viewer.audio.transcriptions.create(file=speech, model="whisper-1"),
        reader.audio.transcriptions.create(file=speech, model="whisper-1"),
        reader.chat.completions.create(model="library", messages=ASKED),
    ]
    for request in refused:
        with pytest.raises(openai.PermissionDeniedError) as caught:
            await request
        assert (caught.value.code, caught.value.type) == ("not_permitted", "permission_error")
    with pytest.raises(openai.UnprocessableEntityError):
        await admin.audio.transcriptions.create(file=("a.wav", b"no recording" * 99), model="whisper-1")

    async def noted() -> list[tuple[str, str]]:
        entries = await place.house.app.audit.entries(text="/v1")
        return [(entry["action"], entry["outcome"]) for entry in entries]

    async def anything_noted() -> bool:  # which is done when the answer has been sent
        return bool(await noted())

    await until(anything_noted)
    assert await noted() == [("POST /v1/audio/transcriptions", "422")]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_revoked_key_is_worth_nothing_in_the_middle(database_url: str, tmp_path: Path, stream: bool) -> None:
    """An answer that is being written ends with an error, before and after its first words, and frees the language model."""
    async with AsyncExitStack() as stack:
        stub = await stack.enter_async_context(stub_provider(Reply(("Half an ",), then="stall")))
        ai = {"base_url": stub.base_url, "api_key": "none", "model": "stub"}
        house = await stack.enter_async_context(open_house(database_url, tmp_path, ai=ai))
        place = Place(house, await stack.enter_async_context(serving(house.api)), stack)
        client = await place.client("Ada")
        await add_recording(house.app.database, "m1", f"The secret recipe needs {SECRET}.")

        async def ask() -> None:
            answer: Any = await client.chat.completions.create(model="library", messages=ASKED, stream=stream)
            _ = [chunk async for chunk in answer]

        asking = asyncio.create_task(ask())
        await until(lambda: len(stub.requests) == 1)
        (key,) = await house.app.access.keys(None)
        await house.app.access.revoke_key(None, key.id)
        with pytest.raises(openai.APIError) as caught:
            await asking
        assert caught.value.code == "shut_out"
        await until(lambda: stub.cut == 1)


@pytest.mark.parametrize("place", [{"ask": "1/hour", "uploads": 1}], indirect=True)
async def test_rates_are_those_of_questions(place: Place) -> None:
    """The second of one is told when to come again."""
    client = await place.client("Ada")
    await client.chat.completions.create(model="library", messages=ASKED)
    with pytest.raises(openai.RateLimitError) as caught:
        await client.chat.completions.create(model="library", messages=ASKED)
    assert (caught.value.code, caught.value.type) == ("rate_limited", "rate_limit_error")
    assert 0 < int(caught.value.response.headers["retry-after"]) <= 3600


@pytest.mark.parametrize("place", [{"tokens": 0, "audio_minutes": 0}], indirect=True)
async def test_quotas_hold_here_too(place: Place, tmp_path: Path) -> None:
    """Nothing is asked and nothing transcribed beyond them, and trying again is said not to help."""
    client = await place.client("Ada")
    requests = {
        "quota_tokens": client.chat.completions.create(model="library", messages=ASKED),
        "quota_audio_minutes": client.audio.transcriptions.create(
            file=lecture_wav(tmp_path / "a.wav", 1), model="whisper-1"
        ),
    }
    for code, request in requests.items():
        with pytest.raises(openai.RateLimitError) as caught:
            await request
        assert caught.value.code == code
        assert caught.value.response.headers["x-should-retry"] == "false"


async def test_every_error_has_openai_s_shape(place: Place) -> None:
    """Also those that no route makes: foreign hosts, unknown addresses, wrong methods and bodies that are none."""
    client = await place.client("Ada")
    async with httpx.AsyncClient(base_url=place.address, headers={"Authorization": f"Bearer {client.api_key}"}) as raw:
        answers = {
            (403, "denied"): await raw.get("/v1/models", headers={"Host": "evil.example"}),
            (404, "not_found"): await raw.get("/v1/embeddings", headers={"Accept": "text/html"}),
            (405, "method_not_allowed"): await raw.put("/v1/models"),
            (422, "invalid"): await raw.post("/v1/chat/completions", content=b"{"),
        }
        for (status, code), answer in answers.items():
            assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
            assert list(answer.json()) == ["error"]
            assert answer.json()["error"].keys() == {"message", "type", "param", "code"}
            assert answer.json()["error"]["code"] == code
        no_form = await raw.post("/v1/audio/transcriptions", json={"model": "whisper-1"})
        assert (no_form.status_code, no_form.json()["error"]["code"]) == (422, "invalid")
