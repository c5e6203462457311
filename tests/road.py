"""What lies between us and a server, and can be in a bad state."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit


class Road:
    """Passes bytes on to a server until it is cut: at once, or once so many bytes have passed either way."""

    def __init__(self, server: str) -> None:
        self._target = urlsplit(server)
        self._left: float = float("inf")
        self._ways: set[asyncio.StreamWriter] = set()
        self._listener: asyncio.Server
        self.address = ""

    async def open(self) -> None:
        self._listener = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{self._listener.sockets[0].getsockname()[1]}"

    def cut_after(self, size: float) -> None:
        """Let so many more bytes pass, counted from now."""
        self._left = size

    def mend(self) -> None:
        self._left = float("inf")

    async def close(self) -> None:
        self._listener.close()
        self._cut()
        await asyncio.sleep(0)  # a transport is closed in the next round

    def _cut(self) -> None:
        for way in self._ways:
            way.transport.abort()
        self._ways.clear()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(self._target.hostname, self._target.port)
        self._ways |= {writer, there_writer}
        with suppress(ConnectionError):
            await asyncio.gather(self._one_way(reader, there_writer), self._one_way(there_reader, writer))

    async def _one_way(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while block := await reader.read(64 * 1024):
            self._left -= len(block)
            if self._left < 0:
                self._cut()
                return
            writer.write(block)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def road_to(server: str) -> AsyncIterator[Road]:
    road = Road(server)
    await road.open()
    yield road
    await road.close()


@asynccontextmanager
async def answering(status: str, body: str = "") -> AsyncIterator[str]:
    """Give the address of a server that answers everything like this; without a status it says nothing at all."""
    open_ways: set[asyncio.StreamWriter] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ways.add(writer)
        await reader.readuntil(b"\r\n\r\n")
        if status:
            head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            writer.write(f"{head}{body}".encode())
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    for way in open_ways:
        way.transport.abort()
    await asyncio.sleep(0)  # a transport is closed in the next round
