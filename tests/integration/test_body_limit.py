"""Bodies that are too large, over real connections: routes read theirs whole, so somebody must stop reading in time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from loopback import serving
from people import BASE, code, open_house
from recordings import lecture_wav
from videochat.app import open_app
from videochat.settings import Settings
from videochat.web import body_limit
from videochat.web.body_limit import MOST_BYTES
from videochat.web.server import create_api

LARGE = b" " * (8 * MOST_BYTES)
PATIENCE = 60  # seconds


@pytest.fixture
async def address(tmp_path: Path) -> AsyncIterator[str]:
    settings = Settings(data_dir=tmp_path / "data", stt={"engine": "pocketsphinx"})
    async with open_app(settings) as app, serving(create_api(app)) as served:
        yield served


@pytest.fixture
async def client(address: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=address, timeout=PATIENCE) as opened:
        yield opened


async def in_pieces(content: bytes) -> AsyncIterator[bytes]:
    """Give the content without saying how long it is."""
    for start in range(0, len(content), 65536):
        yield content[start : start + 65536]


async def begun(address: str, headers: str, body: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send the beginning of a request, of which no more comes."""
    reader, writer = await asyncio.open_connection(urlsplit(address).hostname, urlsplit(address).port)
    writer.write(f"POST /api/session HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n\r\n".encode() + body)
    await writer.drain()
    return reader, writer


async def answer(reader: asyncio.StreamReader) -> tuple[str, dict[str, Any]]:
    """Return the head of an answer, and its body."""
    async with asyncio.timeout(PATIENCE):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        return head, json.loads(await reader.readexactly(length))


@pytest.mark.parametrize("sent", [bytes, in_pieces], ids=["declared", "in pieces"])
async def test_who_sends_too_much_is_told_so(client: httpx.AsyncClient, sent: Callable[[bytes], Any]) -> None:
    """However the body comes the client sees a problem that says how much is taken, and not a broken connection."""
    refused = await client.post("/api/session", content=sent(LARGE), headers={"Content-Type": "application/json"})
    assert code(refused) == (413, "too_large")
    assert "larger than 1 MiB" in refused.json()["detail"]
    assert (await client.get("/health/live")).status_code == 200


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ("Content-Length: 60000000", b""),
        (
            "Transfer-Encoding: chunked",
            f"{MOST_BYTES:x}\r\n".encode() + LARGE[:MOST_BYTES] + b"\r\n1\r\n \r\n",
        ),
    ],
    ids=["declared", "in pieces"],
)
async def test_the_answer_comes_before_the_rest_and_nobody_waits_for_that_for_ever(
    address: str, monkeypatch: pytest.MonkeyPatch, headers: str, body: bytes
) -> None:
    """What was announced or has come is enough to refuse, and the connection of who sends no more is closed."""
    monkeypatch.setattr(body_limit, "LINGER_SECONDS", 0.1)
    reader, writer = await begun(address, headers, body)
    head, problem = await answer(reader)
    assert head.startswith("http/1.1 413 ")
    assert "content-type: application/problem+json" in head
    assert "connection: close" in head
    assert problem["code"] == "too_large"
    async with asyncio.timeout(PATIENCE):
        assert await reader.read() == b""
    writer.close()


async def test_as_much_as_the_limit_is_read(client: httpx.AsyncClient) -> None:
    """The route itself answers to a body that just fits, whether it says how long it is or not."""
    body = json.dumps({"question": "x"}).encode().ljust(MOST_BYTES)
    for content in (body, in_pieces(body)):
        asked = await client.post("/api/answers", content=content, headers={"Content-Type": "application/json"})
        assert asked.status_code == 202, asked.text


async def test_openai_s_clients_are_told_in_their_own_words(client: httpx.AsyncClient) -> None:
    """Under /v1 the refusal has OpenAI's shape, and their clients do not send it all again."""
    refused = await client.post("/v1/chat/completions", content=LARGE)
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "too_large")
    assert refused.headers["x-should-retry"] == "false"


async def test_a_recording_may_be_larger(client: httpx.AsyncClient, tmp_path: Path) -> None:
    """Uploads, raw, in pieces or as a form, are held to the limit for recordings alone."""
    recording = lecture_wav(tmp_path / "talk.wav", 40, 1).read_bytes()
    assert len(recording) > MOST_BYTES
    raw = await client.post("/api/media?process=false", content=recording)
    pieces = await client.post("/api/media?process=false", content=in_pieces(recording))
    form = await client.post("/api/media?process=false", files={"file": ("talk.wav", recording)})
    assert [sent.status_code for sent in (raw, pieces, form)] == [201, 201, 201]
    assert raw.json()["size"] == len(recording)
    assert raw.json()["id"] == pieces.json()["id"] == form.json()["id"]


async def test_a_stranger_s_body_is_not_read_where_strangers_may_not_go(tmp_path: Path, database_url: str) -> None:
    """Who may not come in hears that, and not how much they might have sent."""
    async with open_house(database_url, tmp_path) as house:
        refused = await (await house.stranger()).post("/api/answers", content=LARGE)
        assert code(refused) == (401, "unauthenticated")
        signing_in = await (await house.stranger(Origin=BASE)).post("/api/session", content=LARGE)
        assert code(signing_in) == (413, "too_large")
