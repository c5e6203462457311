"""Questions by the door of the Model Context Protocol: whole answers or errors, and nothing goes on when nobody waits."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import httpx2
import pytest

from assistants import (
    ACCEPT,
    LECTURE,
    STALLED,
    ai_of,
    assistant,
    both_ways,
    call_of,
    data,
    open_place,
    refusal,
    sqlite_in,
)
from library import add_recording
from loopback import serving
from people import open_house
from stub_provider import Reply, stub_provider
from videochat.ops.actor import LOCAL
from videochat.web.mcp import asking
from waiting import until


@both_ways
async def test_an_answer_that_takes_long_says_so(tmp_path: Path, mode: str) -> None:
    """A client that asks for progress hears of it, and how much is written."""
    told: list[tuple[float, str | None]] = []

    async def hear(progress: float, _total: float | None, message: str | None) -> None:
        told.append((progress, message))

    async with (
        stub_provider(Reply(("It is green. ",) * 4, delay=0.7)) as stub,
        open_place(tmp_path, stub) as place,
        assistant(place.url, await place.key(), mode) as client,
    ):
        answer = await client.call_tool("ask", {"question": "What is green?"}, progress_callback=hear)
        assert data(answer)["text"].startswith("It is green.")
    assert told == sorted(told)
    assert any("characters" in (message or "") for _, message in told)


@both_ways
@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply(status=401), "provider_denied"),
        (Reply(status=503), "provider_unavailable"),
        (Reply(("Half a text is no answer. ",), then="close"), "provider_"),
        (Reply(("Half a text is no answer. ",), then="garbage"), "provider_"),
        (Reply(()), "provider_failed"),
    ],
)
async def test_a_failed_answer_is_an_error(tmp_path: Path, mode: str, reply: Reply, code: str) -> None:
    """Never half a text, nor what the provider said to us."""
    async with (
        stub_provider(reply) as stub,
        open_place(tmp_path, stub) as place,
        assistant(place.url, await place.key(), mode) as client,
    ):
        why = refusal(await client.call_tool("ask", {"question": "What is green?"}))
        assert f"[{code}" in why
        assert "Half" not in why
        assert "secret" not in why


@both_ways
async def test_who_leaves_stops_the_answer(tmp_path: Path, mode: str) -> None:
    """The provider is free again within seconds, and the conversation says that the answer was cancelled."""
    async with stub_provider(STALLED) as stub, open_place(tmp_path, stub) as place:
        async with assistant(place.url, await place.key(), mode) as client:
            call = asyncio.create_task(client.call_tool("ask", {"question": "What is green?"}))
            await until(lambda: len(stub.requests) == 1)
            call.cancel()
        assert await until(lambda: stub.cut == 1) < 5
        (conversation,) = (await place.house.app.answers.conversations(LOCAL)).items

        async def cancelled() -> bool:
            _, (answer,) = await place.house.app.answers.conversation(LOCAL, conversation.id)
            return answer.status == "cancelled"

        await until(cancelled)


async def test_an_answer_without_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for ever, and the provider is free again."""
    monkeypatch.setattr(asking, "LONGEST_SECONDS", 0.5)
    async with (
        stub_provider(STALLED) as stub,
        open_place(tmp_path, stub) as place,
        assistant(place.url, await place.key()) as client,
    ):
        assert "[too_slow]" in refusal(await client.call_tool("ask", {"question": "What is green?"}))
        await until(lambda: stub.cut == 1)


async def test_the_service_stops_in_the_middle_of_an_answer(tmp_path: Path) -> None:
    """It waits for nobody who asks, frees the provider, and leaves no answer behind that seems to be written."""
    asked = call_of("ask", {"question": "What is green?"})
    async with (
        stub_provider(STALLED) as stub,
        open_house(sqlite_in(tmp_path), tmp_path, **ai_of(stub), auth={"mode": "none"}) as house,
    ):
        await add_recording(house.app.database, "m1", *LECTURE)
        async with httpx2.AsyncClient(trust_env=False, timeout=30) as http:
            async with serving(house.api) as url:
                call = asyncio.create_task(http.post(f"{url}/mcp", json=asked, headers=ACCEPT))
                await until(lambda: len(stub.requests) == 1)
                began = time.monotonic()
            assert time.monotonic() - began < 8
            await asyncio.wait({call}, timeout=5)
            assert isinstance(call.exception(), httpx2.RemoteProtocolError)
        await until(lambda: stub.cut == 1)
        (conversation,) = (await house.app.answers.conversations(LOCAL)).items
        _, (answer,) = await house.app.answers.conversation(LOCAL, conversation.id)
        assert answer.status in {"cancelled", "failed"}
