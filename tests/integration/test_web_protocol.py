"""What HTTP itself asks of the API: methods, HEAD, and bodies that say what they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from videochat.app import open_app
from videochat.settings import Settings
from videochat.web.server import create_api


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of an API without a worker."""
    async with open_app(Settings(data_dir=tmp_path / "data")) as app:
        transport = httpx.ASGITransport(create_api(app))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as opened:
            yield opened


@pytest.mark.parametrize(
    ("content", "kind", "says"),
    [
        (b'{"question":\n  what}', "application/json", "The body is not JSON (line 2, column 3)."),
        (b'{"question": "\xff"}', "application/json", "The body is not JSON: it is not in UTF-8."),
        (b'{"question": "x"}', None, "Content-Type: application/json"),
        (b'{"question": "x"}', "application/x-www-form-urlencoded", "Content-Type: application/json"),
        (b"", None, "Content-Type: application/json"),
        (b"[]", "application/json", "valid dictionary"),
    ],
)
async def test_a_body_that_is_not_json_is_said_to_be_none(
    client: httpx.AsyncClient, content: bytes, kind: str | None, says: str
) -> None:
    """Where it breaks, that it is no text, or that nobody said what it is: each with our code."""
    response = await client.post("/api/answers", content=content, headers={"content-type": kind} if kind else {})
    assert (response.status_code, response.json()["code"]) == (422, "invalid")
    assert says in response.json()["detail"]


@pytest.mark.parametrize(
    "path", ["/", "/health/live", "/metrics", "/api/media", "/api/system", "/openapi.json", "/api/events", "/nothing"]
)
async def test_head_works_wherever_get_does(client: httpx.AsyncClient, path: str) -> None:
    """The same status and headers without a body, also where events would come without an end."""
    async with asyncio.timeout(10):
        head = await client.head(path)
    assert (head.status_code, head.content) == (404 if path == "/nothing" else 200, b"")
    if path != "/api/events":
        got = await client.get(path)
        assert (got.status_code, got.headers["content-type"]) == (head.status_code, head.headers["content-type"])


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/media", "HEAD, GET, POST"),
        ("PUT", "/api/media/med_x", "HEAD, GET, PATCH, DELETE"),
        ("HEAD", "/api/media/med_x/transcription", "POST"),
        ("POST", "/", "HEAD, GET"),
    ],
)
async def test_a_wrong_method_is_told_the_right_ones(
    client: httpx.AsyncClient, method: str, path: str, allowed: str
) -> None:
    """All of them, though each is a route of its own."""
    response = await client.request(method, path)
    assert (response.status_code, response.headers["allow"]) == (405, allowed)
