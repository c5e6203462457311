"""The whole API, asked what its own description allows and what it forbids: never a server error, never another shape.

Each answer must have a status, a kind and a body that the description names; errors come as problems, under `default`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from library import add_transcript, spoken
from offenders import assert_none
from people import BASE, PASSWORD, House, open_house
from recordings import lecture_wav
from videochat.access.service import Client

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance, status_code_conformance]
EXAMPLES = 6  # of each operation that take what the description allows, and as many that do not
STREAM = "/events"
STREAM_SECONDS = 0.1  # of a stream without an end that are read
TOKEN = "scrape-t0ken"
OFTEN = "1000000/second"  # a 429 would hide what is behind it
RATES = dict.fromkeys(("read", "write", "ask", "upload", "enter"), OFTEN)
BOUNDS = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],  # what fails is small already
    suppress_health_check=list(HealthCheck),
)


@dataclass(frozen=True, slots=True)
class Asker:
    """Who may do everything in an installation that holds one of each thing, whose ids are `known`."""

    portal: BlockingPortal
    house: House
    known: dict[str, str]
    succeeded: set[str] = field(default_factory=set)  # names of operations

    def ask(self, case: Case) -> httpx.Response:
        """Send the case as who is signed in now; an operation before may have ended the session or the account."""
        return self.portal.call(self._ask, case)

    async def _ask(self, case: Case) -> httpx.Response:
        sent = requests.Request(**case.as_transport_kwargs(base_url=BASE)).prepare()
        async with await signed_in(self.house) as client:
            return await client.request(sent.method, sent.url, content=sent.body, headers=sent.headers)


async def signed_in(house: House) -> httpx.AsyncClient:
    """Return a client of the administrator, to whom an unforeseen error is the 500 that a browser would get."""
    headers, access = {"Origin": BASE}, house.app.access
    if house.app.settings.auth.mode != "none":
        people = (await access.users()).items
        user = next(user for user in people if user.role == "admin" and not user.disabled)  # there must always be one
        token = await access.open_session(user, Client("127.0.0.1", "a browser"))
        headers["Cookie"] = f"videochat_session={token.text}"
    transport = httpx.ASGITransport(Leaving(house.api), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers, timeout=30)


@dataclass(frozen=True, slots=True)
class Leaving:
    """The API to clients who leave a stream soon after it has begun, unless it ends before; what came is their answer."""

    api: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not scope["path"].endswith(STREAM):
            await self.api(scope, receive, send)
            return
        begun, asked, more = asyncio.Event(), False, True

        async def noted(message: Message) -> None:
            nonlocal more
            await send(message)
            begun.set()
            more = message.get("more_body", message["type"] == "http.response.start")

        async def until_left() -> Message:
            nonlocal asked
            if not asked:
                message = await receive()
                asked = not message.get("more_body", False)
                return message
            await begun.wait()
            await asyncio.sleep(STREAM_SECONDS)
            return {"type": "http.disconnect"}

        await self.api(scope, until_left, noted)
        if more:
            await send({"type": "http.response.body"})


@asynccontextmanager
async def furnished(url: str, folder: Path, mode: str) -> AsyncIterator[tuple[House, dict[str, str]]]:
    """Open an installation with an administrator and a member, where there are accounts, and something of each kind."""
    settings = {"limits": RATES, "stt": {"engine": "pocketsphinx"}}
    if mode == "users":
        settings["metrics"] = {"token": TOKEN}
    async with open_house(url, folder, auth={"mode": mode}, **settings) as house:
        access = house.app.access
        people = {
            name: (await access.add_user(name, "admin", PASSWORD)).id for name in ("ann", "ben") if mode == "users"
        }
        async with await signed_in(house) as client:
            known = await furnish(client, house, lecture_wav(folder / "speech.wav").read_bytes())
            if mode == "users":
                known |= {"user_id": people["ben"], **await furnish_access(client, known["media_id"])}
        yield house, known


async def furnish(client: httpx.AsyncClient, house: House, speech: bytes) -> dict[str, str]:
    """Upload a recording, give it a transcript and ask a question, and return the ids of what there is then."""
    media = (await client.post("/api/media?name=lesson.wav", content=speech)).json()
    await add_transcript(house.app.database, media["id"], spoken("The leaves are green.", "The sky is blue."))
    answer = (await client.post("/api/answers", json={"question": "What is green?"})).json()
    ids = {"media_id": media["id"], "job_id": media["job"]["id"], "answer_id": answer["id"]}
    return {**ids, "conversation_id": answer["conversation"], "name": "AI__TIMEOUT"}


async def furnish_access(client: httpx.AsyncClient, media_id: str) -> dict[str, str]:
    """Make a key and a link, and return their ids with that of the session."""
    key = (await client.post("/api/account/keys", json={"name": "program", "scopes": ["read"]})).json()
    link = (await client.post(f"/api/media/{media_id}/links", json={})).json()
    sessions = (await client.get("/api/account/sessions")).json()["items"]
    return {"key_id": key["id"], "link_id": link["id"], "session_id": sessions[0]["id"]}


@pytest.fixture(params=["none", "users"])
def asker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Asker]:
    """Give somebody at home with SQLite, and an administrator with PostgreSQL, which refuses more: text with a NUL."""
    at_home = f"sqlite:///{tmp_path / 'videochat.db'}"
    url = at_home if request.param == "none" else request.getfixturevalue("postgres_url")
    house = furnished(url, tmp_path, request.param)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(house) as (opened, known):
        yield Asker(portal, opened, known)


def operations(document: dict[str, Any]) -> list[APIOperation]:
    """Return what can be asked; what deletes comes last, the whole account after its parts."""
    found = [result.ok() for result in schemathesis.openapi.from_dict(document).get_all_operations()]
    return sorted(found, key=lambda one: (one.method == "delete", -len(one.path)))


def complaints(asker: Asker, operation: APIOperation, mode: GenerationMode) -> Iterator[str]:
    """Yield how answers to the operation differ from what is described, each difference once."""
    found: dict[str, str] = {}

    @BOUNDS
    @given(case=operation.as_strategy(generation_mode=mode), real=st.booleans())
    def asked(case: Case, real: bool) -> None:
        if real:
            case.path_parameters.update({n: asker.known[n] for n in case.path_parameters if n in asker.known})
            if operation.path == "/metrics":
                case.headers["Authorization"] = f"Bearer {TOKEN}"
        answer = asker.ask(case)
        if answer.is_success:
            asker.succeeded.add(operation.label)
        try:
            case.validate_response(answer, checks=CHECKS)
        except FailureGroup as group:
            for failure in group.exceptions:
                assert isinstance(failure, Failure)
                found.setdefault(
                    failure.title, f"{operation.label}: {failure.title}: {failure.message}\n{case.as_curl_command()}"
                )

    # Of what takes nothing, or any text, nothing is forbidden.
    with suppress(*([Unsatisfiable] if mode is GenerationMode.NEGATIVE else [])):
        asked()
    yield from found.values()


def test_every_answer_is_described(asker: Asker) -> None:
    """Nothing that the description allows or forbids makes a server error, or an answer that it does not describe."""
    found = operations(asker.house.api.openapi())
    streams = {one.label for one in found if one.path.endswith(STREAM)}
    assert len(found) > 50
    assert len(streams) == 3
    assert_none(
        complaint for operation in found for mode in GenerationMode for complaint in complaints(asker, operation, mode)
    )
    assert len(asker.succeeded) > len(found) / 2, "most were refused, which tells little"
    assert asker.succeeded >= {*streams, "GET /metrics"}
