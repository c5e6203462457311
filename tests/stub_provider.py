"""A small OpenAI-compatible service on the loopback address that says and does what a test wants."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from beside import beside


@dataclass(frozen=True, slots=True)
class Reply:
    """What one request gets: these pieces of text, `delay` seconds apart, and then this ending."""

    pieces: tuple[str, ...] = ()
    status: int = 200
    delay: float = 0.0
    finish: str = "stop"
    then: Literal["finish", "close", "stall", "garbage"] = "finish"
    error_code: str = "stubbed"
    message: str = "secret-key-in-upstream-message"


@dataclass(slots=True)
class StubProvider:
    """Answers requests with the replies in order, the last one again and again, and counts what became of them."""

    replies: list[Reply]
    requests: list[dict[str, Any]] = field(default_factory=list)
    completed: int = 0
    cut: int = 0
    port: int = 0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            body = await _read_request(reader)
            self.requests.append(body)
            reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
            await self._answer(reply, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.cut += 1
        finally:
            writer.close()

    async def _answer(self, reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if reply.status != 200:
            error = {"message": reply.message, "type": "stub", "code": reply.error_code}
            await _send(writer, reply.status, "application/json", json.dumps({"error": error}).encode())
            return
        await _send(writer, 200, "text/event-stream", _event({"role": "assistant"}))
        for piece in reply.pieces:
            await _pause(reader, reply.delay)
            writer.write(_event({"content": piece}))
            await writer.drain()
        if reply.then == "stall":
            await _pause(reader, 60)
        elif reply.then == "garbage":
            writer.write(b"data: {not json\n\ndata: <html>\n\n")
        elif reply.then == "finish":
            writer.write(_event({}, reply.finish) + _usage() + b"data: [DONE]\n\n")
            self.completed += 1
        await writer.drain()


async def _read_request(reader: asyncio.StreamReader) -> dict[str, Any]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin1").lower()
    length = next(int(line.split(":")[1]) for line in head.split("\r\n") if line.startswith("content-length"))
    body: dict[str, Any] = json.loads(await reader.readexactly(length))
    return body


async def _pause(reader: asyncio.StreamReader, seconds: float) -> None:
    """Wait, unless the client leaves first."""
    try:
        async with asyncio.timeout(seconds or 0.001):
            if not await reader.read(1):
                raise ConnectionResetError
    except TimeoutError:
        return


async def _send(writer: asyncio.StreamWriter, status: int, kind: str, body: bytes) -> None:
    writer.write(f"HTTP/1.1 {status} Stub\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n".encode() + body)
    await writer.drain()


def _event(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return _chunk({"choices": [choice]})


def _usage() -> bytes:
    return _chunk({"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}})


def _chunk(value: dict[str, Any]) -> bytes:
    whole = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "stub", **value}
    return b"data: " + json.dumps(whole).encode() + b"\n\n"


@asynccontextmanager
async def stub_provider(*replies: Reply) -> AsyncIterator[StubProvider]:
    """Serve the replies on a free port."""
    stub = StubProvider(list(replies))
    server = await asyncio.start_server(stub.serve, "127.0.0.1", 0)
    stub.port = server.sockets[0].getsockname()[1]
    try:
        yield stub
    finally:
        server.close()
        await server.wait_closed()


@contextmanager
def stub_model(*replies: Reply) -> Iterator[dict[str, str]]:
    """Serve the replies in a thread, for a service in another process, and give the settings of that language model."""
    with beside(stub_provider(*replies)) as stub:
        yield {"AI__BASE_URL": stub.base_url, "AI__API_KEY": "none", "AI__MODEL": "stub"}
