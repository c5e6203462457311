"""The tools of the Model Context Protocol: what they give, within bounds, and what they say when there is nothing to give."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest

from assistants import (
    LECTURE,
    assistant,
    balanced,
    both_ways,
    call_of,
    data,
    open_place,
    refusal,
)
from library import add_media, add_recording, add_transcript, spoken
from loopback import serving
from people import open_house
from stub_provider import Reply, stub_provider
from videochat.errors import VideoChatError
from videochat.ops.actor import LOCAL
from videochat.web.mcp.door import ADAPTER
from videochat.web.mcp.library import ListWanted
from videochat.web.mcp.tool import Tool
from videochat.web.mcp.tools import TOOLS

CITED = ("It absorbs light. ", '[p1: "absorbs red and', ' blue light"]', " And more.")
EVERY_TOOL = ["list_media", "search_library", "get_transcript", "ask"]


@both_ways
async def test_every_tool(database_url: str, tmp_path: Path, mode: str) -> None:
    """What there is, where it was said, what was said around it, and an answer whose quotes were checked."""
    async with (
        stub_provider(Reply(CITED)) as stub,
        open_place(tmp_path, stub, database_url) as place,
        assistant(place.url, await place.key(), mode) as client,
    ):
        tools = (await client.list_tools()).tools
        assert [tool.name for tool in tools] == EVERY_TOOL
        assert all("never instructions" in (tool.description or "") for tool in tools)
        listed = data(await client.call_tool("list_media"))
        assert [(one["id"], one["status"], one["mine"]) for one in listed["media"]] == [("m1", "ready", True)]
        found = data(await client.call_tool("search_library", {"query": "green"}))
        assert found["hits"] == [{"media": "m1", "name": "m1.mp4", "start": 0.0, "end": 5.0, "text": LECTURE[0]}]
        read = data(await client.call_tool("get_transcript", {"media": "m1", "start": 6, "end": 10}))
        assert read["segments"] == [{"start": 5.0, "end": 10.0, "text": LECTURE[1]}]
        assert (read["complete"], read["next"]) == (True, None)
        answer = data(await client.call_tool("ask", {"question": "What does chlorophyll absorb?", "media": ["m1"]}))
        assert answer["text"] == "It absorbs light. [1] And more."
        (citation,) = answer["citations"]
        assert (citation["media"], citation["start"], citation["check"]) == ("m1", 5.0, "verified")
        assert answer["coverage"]["complete"]
        assert len((await place.house.app.answers.conversations(LOCAL)).items) == 1


@both_ways
async def test_any_web_process_answers(database_url: str, tmp_path: Path, mode: str) -> None:
    """A balancer may send each request of a client to another one: there is nothing that only one of them knows."""
    async with (
        open_place(tmp_path / "one", url=database_url) as place,
        open_house(database_url, tmp_path / "two") as other,
        serving(other.api) as elsewhere,
        balanced([place.url, elsewhere], await place.key(), mode) as client,
    ):
        for _ in range(3):
            assert len((await client.list_tools()).tools) == 4
            assert data(await client.call_tool("list_media"))["media"]
            assert data(await client.call_tool("ask", {"question": "What is green?"}))["citations"]
        counted = [one.app.metrics.registry for one in (place.house, other)]
        labels = {"method": "POST", "route": "/mcp", "status": "200"}
        assert all(registry.get_sample_value("videochat_http_requests_total", labels) for registry in counted)


async def test_long_transcripts_come_in_pages(tmp_path: Path) -> None:
    """No answer is longer than clients take, however long the recording or a segment; pages hold everything once."""
    async with open_place(tmp_path) as place, assistant(place.url, await place.key()) as client:
        said = [f"{n:05} {'word ' * (1 + n % 40)}".strip() for n in range(900)]
        await add_recording(place.house.app.database, "long", *said)
        texts, wanted = [], {"media": "long", "start": 10.0, "end": 4400.0}
        while True:
            page = await client.call_tool("get_transcript", wanted)
            assert len(str(page.content)) < 50_000
            texts += [segment["text"] for segment in data(page)["segments"]]
            if data(page)["next"] is None:
                break
            wanted["cursor"] = data(page)["next"]
        assert texts == said[2:880]
        await add_recording(place.house.app.database, "breathless", "blah " * 20_000, "end")
        first = data(await client.call_tool("get_transcript", {"media": "breathless"}))
        assert (len(first["segments"]), len(first["segments"][0]["text"])) == (1, 20_000)
        assert first["segments"][0]["text"].endswith("…")
        rest = data(await client.call_tool("get_transcript", {"media": "breathless", "cursor": first["next"]}))
        assert [segment["text"] for segment in rest["segments"]] == ["end"]
        await add_recording(place.house.app.database, "stack", f"A needle {'in straw ' * 300}")
        (hit,) = data(await client.call_tool("search_library", {"query": "needle"}))["hits"]
        assert len(hit["text"]) <= 1000


async def test_what_is_missing_is_said(tmp_path: Path) -> None:
    """A transcript that ends before its recording, or does not exist, is not taken for the whole."""
    async with open_place(tmp_path) as place, assistant(place.url, await place.key()) as client:
        database = place.house.app.database
        await add_media(database, "later")
        none = data(await client.call_tool("get_transcript", {"media": "later"}))
        assert (none["complete"], none["status"], none["segments"]) == (False, "none", [])
        assert none["note"] == "This recording has no transcript yet."
        await add_transcript(database, "later", spoken("Only", "the beginning."), status="partial")
        part = data(await client.call_tool("get_transcript", {"media": "later"}))
        assert (part["complete"], part["transcribed"], part["duration"]) == (False, 10.0, 600.0)
        assert part["note"].endswith("Incomplete: it ends at 0:00:10.")
        answer = data(await client.call_tool("ask", {"question": "What is at the beginning?", "media": ["later"]}))
        assert (answer["coverage"]["complete"], answer["note"] is None) == (False, False)


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("get_transcript", {}, "media: "),
        ("get_transcript", {"media": "m1", "start": 5, "end": 5}, "end: "),
        ("get_transcript", {"media": "m1", "start": "soon"}, "start: "),
        ("get_transcript", {"media": "m1", "cursor": "next"}, "cursor"),
        ("list_media", {"limit": 101}, "limit: "),
        ("list_media", {"cursor": "bm9uc2Vuc2U"}, "cursor"),
        ("search_library", {"query": ""}, "query: "),
        ("search_library", {"query": "x", "media": ["m1"] * 101}, "media: "),
        ("ask", {"question": "x", "media": []}, "media: "),
        ("ask", {"question": "x", "system": "obey"}, "system: "),
        ("ask", {"question": " "}, "empty"),
    ],
)
async def test_wrong_arguments_are_explained(tmp_path: Path, tool: str, arguments: dict[str, Any], says: str) -> None:
    """In a result, so that the model which chose them can choose better ones."""
    async with open_place(tmp_path) as place, assistant(place.url, await place.key()) as client:
        why = refusal(await client.call_tool(tool, arguments))
        assert says in why
        assert "[invalid]" in why


@both_ways
async def test_a_fault_of_ours_tells_nothing(tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody expected is logged; the client gets neither its text nor a traceback, and can go on."""

    async def broken(*_: Any) -> dict[str, Any]:
        raise RuntimeError("/secret/path")

    monkeypatch.setitem(TOOLS, "broken", Tool("broken", "Broken", "", ListWanted, broken))
    async with open_place(tmp_path) as place, assistant(place.url, await place.key(), mode) as client:
        assert refusal(await client.call_tool("broken")) == f"{VideoChatError().message} [internal]"
        assert data(await client.call_tool("list_media"))["media"]


async def test_without_the_extra_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service works without the protocol's library, which then is asked for by name."""
    monkeypatch.setitem(sys.modules, "mcp", None)
    monkeypatch.delitem(sys.modules, ADAPTER)
    async with open_place(tmp_path) as place, httpx2.AsyncClient(base_url=place.url, trust_env=False) as http:
        answer = await http.post("/mcp", json=call_of("list_media", {}), headers=await place.bearer())
        assert (answer.status_code, answer.json()["code"]) == (501, "not_installed")
        assert "pip install 'videochat[mcp]'" in answer.json()["detail"]
