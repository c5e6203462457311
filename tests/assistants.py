"""Assistants that come in by the door of the Model Context Protocol, with its library's own client over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult

from library import add_recording
from loopback import serving
from people import PASSWORD, House, open_house
from stub_provider import Reply, StubProvider
from videochat.ops.actor import LOCAL

LECTURE = ("Plants are green & quiet.", "Chlorophyll absorbs red and blue light.", "It doesn't absorb 550 nanometres.")
STALLED = Reply(("Half a text is no answer. " * 4,), then="stall")
ACCEPT = {"Accept": "application/json, text/event-stream"}

both_ways = pytest.mark.parametrize("mode", ["auto", "legacy"])
"""With the newest revision of the protocol, and with the handshake of those before it."""


class _Balancer(httpx2.AsyncHTTPTransport):
    def __init__(self, servers: Sequence[str]) -> None:
        super().__init__()
        self._next = cycle(httpx2.URL(server) for server in servers)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        request.url = request.url.copy_with(port=next(self._next).port)
        return await super().handle_async_request(request)


@asynccontextmanager
async def assistant(server: str, key: str | None = None, mode: str = "auto") -> AsyncIterator[Client]:
    """Give a client; `mode` legacy is how most clients begin, auto tries the newest way first."""
    async with balanced([server], key, mode) as client:
        yield client


@asynccontextmanager
async def balanced(servers: Sequence[str], key: str | None = None, mode: str = "auto") -> AsyncIterator[Client]:
    """Give a client whose every request goes to the next server."""
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(headers=headers, timeout=30, transport=_Balancer(servers)) as http:
        transport = streamable_http_client("http://127.0.0.1/mcp", http_client=http)
        async with Client(transport, mode=mode) as client:  # type: ignore[arg-type]  # one of its modes
            yield client


def data(result: CallToolResult) -> dict[str, Any]:
    """Return what a call gave."""
    assert not result.is_error, said(result)
    assert result.structured_content is not None
    return result.structured_content


def said(result: CallToolResult) -> str:
    """Return the result as text."""
    return "".join(part.text for part in result.content if part.type == "text")


def refusal(result: CallToolResult) -> str:
    """Return why a call gave nothing, and see that it really gave nothing."""
    assert result.is_error
    assert result.structured_content is None
    return said(result)


def sqlite_in(folder: Path) -> str:
    return f"sqlite:///{folder / 'videochat.db'}"


def ai_of(stub: StubProvider) -> dict[str, Any]:
    """Return the settings with which this is the language model, asked once."""
    return {"ai": {"base_url": stub.base_url, "api_key": "none", "model": "stub", "max_retries": 0}}


def call_of(tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the call of a tool as it is sent."""
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}


@dataclass(frozen=True)
class Place:
    """A service with accounts; recording m1 is Ada's."""

    house: House
    url: str

    async def key(self, user: str = LOCAL.id, *scopes: str) -> str:
        made = await self.house.app.access.add_key(user, "assistant", *([scopes] if scopes else []))
        return made[0].text

    async def bearer(self, user: str = LOCAL.id, *scopes: str) -> dict[str, str]:
        """Make a key and return the header that it is sent in."""
        return {"Authorization": f"Bearer {await self.key(user, *scopes)}"}

    async def account(self, name: str, role: str = "member") -> str:
        return (await self.house.app.access.add_user(name, role, PASSWORD)).id  # type: ignore[arg-type]  # a role


@asynccontextmanager
async def open_place(
    folder: Path, stub: StubProvider | None = None, url: str | None = None, **settings: Any
) -> AsyncIterator[Place]:
    """Serve an installation in the folder, on this database, with this language model."""
    async with (
        open_house(url or sqlite_in(folder), folder, **({} if stub is None else ai_of(stub)), **settings) as house,
        serving(house.api) as address,
    ):
        place = Place(house, address)
        await place.account("Ada")
        await add_recording(house.app.database, "m1", *LECTURE)
        yield place
