"""Who comes in by the door of the Model Context Protocol, and what is there for whom."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx2
import pytest
from mcp import MCPError

from assistants import (
    ACCEPT,
    STALLED,
    assistant,
    both_ways,
    call_of,
    data,
    open_place,
    refusal,
)
from stub_provider import stub_provider
from videochat.ops.actor import LOCAL
from videochat.web.mcp import protocol
from waiting import until

READING = ["list_media", "search_library", "get_transcript"]


@both_ways
async def test_what_others_have_is_not_there(database_url: str, tmp_path: Path, mode: str) -> None:
    """By no tool, and by no other words than what does not exist; once it is shared it can be read."""
    async with open_place(tmp_path, url=database_url) as place:
        ben = await place.account("Ben", "viewer")
        async with assistant(place.url, await place.key(ben), mode) as client:
            for tool, about in (
                ("get_transcript", {"media": "m1"}),
                ("search_library", {"query": "green", "media": ["m1"]}),
                ("ask", {"question": "What is green?", "media": ["m1"]}),
            ):
                foreign = refusal(await client.call_tool(tool, about))
                other = {**about, "media": "m2" if about["media"] == "m1" else ["m2"]}
                assert foreign.replace("m1", "m2") == refusal(await client.call_tool(tool, other))
                assert "[not_found]" in foreign
            assert data(await client.call_tool("search_library", {"query": "green"})) == {"hits": []}
            assert "green" not in data(await client.call_tool("ask", {"question": "What is quiet?"}))["text"]
            assert data(await client.call_tool("list_media")) == {"media": [], "next": None}
            await place.house.app.sharing.grant(LOCAL, "m1", "Ben")
            shared = data(await client.call_tool("list_media", {"shared": True}))
            assert [(one["id"], one["mine"]) for one in shared["media"]] == [("m1", False)]
            assert len(data(await client.call_tool("search_library", {"query": "green"}))["hits"]) == 1
            assert data(await client.call_tool("get_transcript", {"media": "m1"}))["segments"]


@both_ways
async def test_keys_do_what_they_are_for(tmp_path: Path, mode: str) -> None:
    """A key to read sees the tools that read; asking takes the scope for it; without `read` nobody comes in."""
    async with open_place(tmp_path) as place:
        async with assistant(place.url, await place.key(LOCAL.id, "read"), mode) as client:
            assert [tool.name for tool in (await client.list_tools()).tools] == READING
            assert data(await client.call_tool("get_transcript", {"media": "m1"}))["segments"]
            assert "[not_permitted]" in refusal(await client.call_tool("ask", {"question": "What is green?"}))
        async with assistant(place.url, await place.key(LOCAL.id, "read", "ask"), mode) as client:
            assert data(await client.call_tool("ask", {"question": "What is green?"}))["citations"]
        for key in (await place.key(LOCAL.id, "ask"), "vck_" + "x" * 43, None):
            with pytest.RaisesGroup(MCPError, flatten_subgroups=True):
                async with assistant(place.url, key, mode):
                    pass


async def test_a_stranger_is_told_what_is_missing(tmp_path: Path) -> None:
    """As at every other door: a problem, and what to send."""
    async with open_place(tmp_path) as place, httpx2.AsyncClient(base_url=place.url, trust_env=False) as http:
        answer = await http.post("/mcp", json={})
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
        assert answer.headers["www-authenticate"] == "Bearer"
        headers = await place.bearer()
        asker = await http.post("/mcp", json={}, headers=await place.bearer(LOCAL.id, "ask"))
        assert (asker.status_code, asker.json()["code"]) == (403, "not_permitted")
        for method in ("GET", "DELETE"):
            assert (await http.request(method, "/mcp", headers=headers)).status_code == 405
        large = await http.post("/mcp", content=b" " * (protocol.MOST_BYTES + 1), headers=headers)
        assert large.status_code == 413


async def test_another_page_cannot_use_our_cookie(tmp_path: Path) -> None:
    """A browser's cookie calls tools for pages of ours only."""
    call = call_of("list_media", {})
    async with open_place(tmp_path) as place:
        ada = await place.house.signed_in("Ada")
        cookie = {"Cookie": f"videochat_session={ada.cookies['videochat_session']}", **ACCEPT}
        async with httpx2.AsyncClient(base_url=place.url, trust_env=False) as http:
            for origin in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {}):
                assert (await http.post("/mcp", json=call, headers={**cookie, **origin})).status_code == 403
            foreign = {"Host": "evil.example", "Origin": "http://evil.example"}
            assert (await http.post("/mcp", json=call, headers={**cookie, **foreign})).status_code == 403
            ours = await http.post("/mcp", json=call, headers={**cookie, "Origin": place.url})
            assert (ours.status_code, "m1.mp4" in ours.text) == (200, True)


@both_ways
async def test_a_revoked_key_is_worth_nothing_at_once(tmp_path: Path, mode: str) -> None:
    """Neither for the call that is being worked on, whose provider is free again, nor for the next one."""
    async with stub_provider(STALLED) as stub, open_place(tmp_path, stub) as place:
        token, made = await place.house.app.access.add_key(LOCAL.id, "assistant")
        async with assistant(place.url, token.text, mode) as client:
            call = asyncio.create_task(client.call_tool("ask", {"question": "What is green?"}))
            await until(lambda: len(stub.requests) == 1)
            await place.house.app.access.revoke_key(None, made.id)
            await asyncio.wait({call}, timeout=10)
            assert isinstance(call.exception(), MCPError)
            await until(lambda: stub.cut == 1)
            with pytest.raises(MCPError):
                await client.call_tool("list_media")


async def test_questions_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A question by this door counts as one by any other; reading goes on. Nobody keeps more calls open than there is room for."""
    limits = {"ask": "1/hour", "streams": 1}
    async with stub_provider(STALLED) as stub, open_place(tmp_path, stub, limits=limits) as place:
        ben, key = await place.account("Ben"), await place.key()
        bearer = {"Authorization": f"Bearer {key}"}
        async with (
            assistant(place.url, key) as ada,
            httpx2.AsyncClient(base_url=place.url, trust_env=False, headers=bearer) as again,
            assistant(place.url, await place.key(ben)) as other,
        ):
            await other.list_tools()
            call = asyncio.create_task(ada.call_tool("ask", {"question": "What is green?"}))
            await until(lambda: len(stub.requests) == 1)
            too_many = await again.post("/mcp", json=call_of("list_media", {}), headers=ACCEPT)
            assert (too_many.status_code, too_many.json()["code"]) == (429, "too_many_streams")
            monkeypatch.setattr(protocol, "MOST_CALLS", 1)
            assert "[busy]" in refusal(await other.call_tool("list_media"))
            monkeypatch.undo()
            call.cancel()

            async def over() -> bool:
                again_let_in = await again.post("/mcp", json=call_of("list_media", {}), headers=ACCEPT)
                return again_let_in.status_code == 200

            await until(over)
            assert "[rate_limited]" in refusal(await ada.call_tool("ask", {"question": "What is green?"}))
            assert data(await ada.call_tool("list_media"))["media"]


@both_ways
async def test_without_accounts_everybody_here_comes_in(tmp_path: Path, mode: str) -> None:
    """On a loopback address the local user needs no key."""
    async with open_place(tmp_path, auth={"mode": "none"}) as place, assistant(place.url, mode=mode) as client:
        assert data(await client.call_tool("ask", {"question": "What is green?"}))["citations"]
