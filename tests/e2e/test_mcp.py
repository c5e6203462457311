"""Assistants on this machine, over a pipe, and a service that is stopped while one asks."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client, StdioServerParameters

from assistants import data, refusal
from e2e.conftest import VIDEOCHAT, Service, environment
from library import add_recording
from stub_provider import Reply, StubProvider, stub_provider
from videochat.app import open_app
from videochat.ops.actor import LOCAL
from videochat.settings import Settings
from waiting import until

STALLED = Reply(("Half a text is no answer. " * 4,), then="stall")
QUESTION = {"name": "ask", "arguments": {"question": "What is green?"}}
HELLO = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
WITHOUT = "import sys; sys.modules['mcp'] = None; from videochat.__main__ import main; main()"


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """Give a data folder with a recording of the local user and one of somebody else."""
    async with open_app(Settings(data_dir=tmp_path / "data")) as app:
        await add_recording(app.database, "m1", "Plants are green.", "Chlorophyll absorbs light.")
        await add_recording(app.database, "foreign", "My door is green too.", owner="usr_other")
    return tmp_path / "data"


async def statuses(folder: Path) -> list[str]:
    """Return what became of the answers in the folder."""
    async with open_app(Settings(data_dir=folder)) as app:
        found = (await app.answers.conversations(LOCAL)).items
        return [answer.status for one in found for answer in (await app.answers.conversation(LOCAL, one.id))[1]]


def model(stub: StubProvider) -> dict[str, str]:
    return {"AI__BASE_URL": stub.base_url, "AI__API_KEY": "none", "AI__MODEL": "stub", "AI__MAX_RETRIES": "0"}


def line(method: str, number: int | None, params: dict[str, Any]) -> bytes:
    numbered = {} if number is None else {"id": number}
    return json.dumps({"jsonrpc": "2.0", **numbered, "method": method, "params": params}).encode() + b"\n"


@asynccontextmanager
async def asking(folder: Path, stub: StubProvider) -> AsyncIterator[Process]:
    """Start `videochat mcp` and have it ask, without waiting for the answer."""
    process = await asyncio.create_subprocess_exec(
        *VIDEOCHAT, "mcp", stdin=PIPE, stdout=PIPE, env=environment(folder, **model(stub)), cwd=folder.parent
    )
    process.stdin.write(line("initialize", 0, HELLO))
    assert json.loads(await process.stdout.readline())["result"]["serverInfo"]["name"] == "videochat"
    process.stdin.write(line("notifications/initialized", None, {}) + line("tools/call", 1, QUESTION))
    await until(lambda: len(stub.requests) == 1)
    yield process
    if process.returncode is None:
        process.kill()
        await process.wait()


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_an_assistant_over_a_pipe(folder: Path, mode: Any) -> None:
    """The same tools on the same data folder as the local user, who has no other people's recordings."""
    server = StdioServerParameters(command=VIDEOCHAT[0], args=[*VIDEOCHAT[1:], "mcp"], env=environment(folder))
    async with Client(server, mode=mode) as client:
        assert len((await client.list_tools()).tools) == 4
        assert [one["id"] for one in data(await client.call_tool("list_media"))["media"]] == ["m1"]
        (hit,) = data(await client.call_tool("search_library", {"query": "green"}))["hits"]
        assert (hit["media"], hit["start"]) == ("m1", 0.0)
        assert len(data(await client.call_tool("get_transcript", {"media": "m1"}))["segments"]) == 2
        assert "[not_found]" in refusal(await client.call_tool("get_transcript", {"media": "foreign"}))
        (citation,) = data(await client.call_tool("ask", {"question": "What is green?"}))["citations"]
        assert citation["media"] == "m1"


async def test_who_closes_the_pipe_stops_the_answer(folder: Path) -> None:
    """The provider is free, the process ends by itself without an error, and has said nothing but the protocol."""
    async with stub_provider(STALLED) as stub, asking(folder, stub) as process:
        process.stdin.close()
        said, _ = await asyncio.wait_for(process.communicate(), 20)
        assert process.returncode == 0
        assert all(json.loads(one)["jsonrpc"] == "2.0" for one in said.splitlines())
        await until(lambda: stub.cut == 1)
    assert await statuses(folder) == ["cancelled"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it(folder: Path, number: signal.Signals) -> None:
    """At once, also while it waits for what comes through the pipe; the answer is not left behind as if it were written."""
    async with stub_provider(STALLED) as stub, asking(folder, stub) as process:
        process.send_signal(number)
        assert await asyncio.wait_for(process.wait(), 10) == -number
        await until(lambda: stub.cut == 1)
    assert await statuses(folder) == ["cancelled"]


async def test_a_service_stops_while_somebody_asks(folder: Path, serve: Callable[..., Service]) -> None:
    """Its exit status is 0 within the usual time, and the answer does not seem to be written for ever."""
    headers = {"Accept": "application/json, text/event-stream"}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": QUESTION}
    async with stub_provider(STALLED) as stub, httpx2.AsyncClient(timeout=60, trust_env=False) as http:
        service = serve(**model(stub))
        asked = asyncio.create_task(http.post(f"{service.url}/mcp", json=call, headers=headers))
        await until(lambda: len(stub.requests) == 1)
        began = time.monotonic()
        service.process.terminate()
        assert await asyncio.to_thread(service.process.wait, 20) == 0
        assert time.monotonic() - began < 8
        assert "about to stop" in (await asked).text
        await until(lambda: stub.cut == 1)
    assert await statuses(folder) == ["cancelled"]


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    """One line, and nothing on stdout that a client would take for the protocol."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, "mcp"], env=environment(tmp_path / "data"), cwd=tmp_path,
        capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "videochat: The Model Context Protocol needs more packages: pip install 'videochat[mcp]'. [not_installed]\n"
    )
