"""A small OpenAI-compatible service of embeddings on the loopback address that answers as a test wants."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from beside import beside
from fake_embedder import FakeEmbedder

Body = Callable[[list[str]], Any]


def embeddings(texts: list[str]) -> dict[str, Any]:
    """Return the reply of a service that works, in an order of its own."""
    vectors = [FakeEmbedder().vector(text) for text in texts]
    data = [{"object": "embedding", "index": n, "embedding": vector} for n, vector in enumerate(vectors)]
    return {"object": "list", "model": "stub", "data": data[::-1], "usage": {"prompt_tokens": 1, "total_tokens": 1}}


@dataclass(slots=True)
class StubEmbedder:
    """Answers each request with the next of these statuses, the last one again and again, and where it is 200 with a body."""

    statuses: list[int]
    body: Body
    error_code: str
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin1")
            request = json.loads(await reader.readexactly(int(_header(head, "content-length"))))
            self.requests.append(request)
            self.keys.append(_header(head, "authorization").removeprefix("Bearer "))
            status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
            error = {"error": {"message": "secret-key-in-upstream-message", "type": "stub", "code": self.error_code}}
            found = self.body(request["input"]) if status == 200 else error
            content = found if isinstance(found, bytes) else json.dumps(found).encode()
            kind = f"HTTP/1.1 {status} Stub\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n"
            writer.write(kind.encode() + content)
            await writer.drain()
        finally:
            writer.close()


def _header(head: str, name: str) -> str:
    return next(line.partition(":")[2].strip() for line in head.split("\r\n") if line.lower().startswith(f"{name}:"))


@asynccontextmanager
async def stub_embedder(
    *statuses: int, body: Body = embeddings, error_code: str = "stubbed"
) -> AsyncIterator[StubEmbedder]:
    """Serve on a free port."""
    stub = StubEmbedder([*statuses] or [200], body, error_code)
    server = await asyncio.start_server(stub.serve, "127.0.0.1", 0)
    stub.port = server.sockets[0].getsockname()[1]
    try:
        yield stub
    finally:
        server.close()
        await server.wait_closed()


@contextmanager
def stub_meaning() -> Iterator[dict[str, str]]:
    """Serve in a thread, for a service in another process, and give the settings of that embedder."""
    with beside(stub_embedder()) as stub:
        yield {"AI__EMBEDDING_MODEL": "stub", "AI__EMBEDDING_BASE_URL": stub.base_url, "AI__EMBEDDING_API_KEY": "none"}
