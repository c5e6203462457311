"""A real server on a free port of the loopback address, and OpenAI's own client of it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from fastapi import FastAPI
from openai import AsyncOpenAI

from waiting import until


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to whoever runs the tests."""
        yield


@asynccontextmanager
async def serving(api: FastAPI) -> AsyncIterator[str]:
    """Serve the API in this event loop and give its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = _Server(uvicorn.Config(api, log_config=None, access_log=False, timeout_graceful_shutdown=5))
    running = asyncio.create_task(server.serve(sockets=[listener]))
    await until(lambda: server.started)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


@asynccontextmanager
async def openai_client(address: str, key: str = "none", **options: int) -> AsyncIterator[AsyncOpenAI]:
    """Give a client as its makers ship it, with another address and key."""
    async with AsyncOpenAI(base_url=f"{address}/v1", api_key=key, timeout=60, **options) as client:
        yield client
