"""The way out, with real connections."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from videochat.media import egress
from videochat.media.egress import Exit, way_out
from website import Page, website

HELLO = Page(b"hello", "text/plain")


@asynccontextmanager
async def greeted(
    way: Exit, password: str | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect to the proxy and say the password."""
    parts = urlsplit(way.proxy)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    secret = (password if password is not None else parts.password or "").encode()
    writer.write(b"\x05\x01\x02\x01\x09videochat" + bytes([len(secret)]) + secret)
    try:
        assert await reader.readexactly(2) == b"\x05\x02"
        yield reader, writer
    finally:
        writer.close()


async def asked(way: Exit, host: str, port: int, *, command: int = 1) -> int:
    """Ask for a connection and return the reply: 0 is granted."""
    async with greeted(way) as (reader, writer):
        assert await reader.readexactly(2) == b"\x01\x00"
        writer.write(bytes([5, command, 0, 3, len(host)]) + host.encode() + struct.pack("!H", port))
        return (await reader.readexactly(10))[1]


async def test_what_is_allowed_passes_both_ways() -> None:
    """A request and its answer go through, whole, also where an address is asked for instead of a name."""
    with website(hello=HELLO) as there:
        async with way_out(allow_private=True) as way, greeted(way) as (reader, writer):
            await reader.readexactly(2)
            writer.write(b"\x05\x01\x00\x01" + socket.inet_aton("127.0.0.1") + struct.pack("!H", there.port))
            assert (await reader.readexactly(10))[1] == 0
            writer.write(b"GET /hello HTTP/1.0\r\n\r\n")
            assert (await reader.read()).endswith(b"hello")
        assert not way.refused


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "::1", "0.0.0.0", "10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1"]
)
async def test_private_addresses_are_not_gone_to(host: str) -> None:
    """Whoever asks is told that it is forbidden, nothing is connected, and the host is remembered."""
    with website(hello=HELLO) as there:
        async with way_out(allow_private=False) as way:
            assert await asked(way, host, there.port) == egress.FORBIDDEN
            assert way.refused == {host}
        assert there.asked == []


async def test_a_name_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is public at the first look and private at the second cannot lead inside: what was looked at is used."""
    looked: list[str] = []
    connected: list[str] = []

    async def getaddrinfo(host: str, *_: Any, **__: Any) -> list[Any]:
        looked.append(host)
        address = "93.184.216.34" if len(looked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80))]

    async def open_connection(host: str, *_: Any, **__: Any) -> Any:
        connected.append(host)
        raise ConnectionRefusedError

    async with way_out(allow_private=False) as way:
        reader_writer = greeted(way)
        async with reader_writer as (reader, writer):  # connected to the proxy itself before anything is replaced
            await reader.readexactly(2)
            monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
            monkeypatch.setattr(asyncio, "open_connection", open_connection)
            writer.write(b"\x05\x01\x00\x03\x07rebound" + struct.pack("!H", 80))
            assert (await reader.readexactly(10))[1] == egress.UNREACHABLE
    assert (looked, connected) == (["rebound"], ["93.184.216.34"])


async def test_without_the_password_nobody_is_served() -> None:
    """Other programs of this machine cannot use the proxy."""
    async with way_out(allow_private=True) as way, greeted(way, "guessed") as (reader, _):
        assert await reader.readexactly(2) == b"\x01\x01"
        assert await reader.read() == b""


@pytest.mark.parametrize("command", [2, 3])
async def test_only_connections_are_made(command: int) -> None:
    """Nobody can listen through the proxy, or send datagrams."""
    async with way_out(allow_private=True) as way:
        parts = urlsplit(way.proxy)
        async with greeted(way) as (reader, writer):
            await reader.readexactly(2)
            writer.write(bytes([5, command, 0, 1, 127, 0, 0, 1]) + struct.pack("!H", parts.port or 0))
            assert (await reader.readexactly(10))[1] == egress.NO_COMMAND


async def test_what_is_connected_is_cut_off_at_the_end() -> None:
    """When the errand has ended nothing of it goes on."""
    with website(hello=Page(b"x" * 100_000, "text/plain", hold=True)) as there:
        async with way_out(allow_private=True) as way:
            parts = urlsplit(way.proxy)
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            writer.write(
                b"\x05\x01\x02\x01\x01v" + bytes([len(parts.password or "")]) + (parts.password or "").encode()
            )
            writer.write(b"\x05\x01\x00\x01\x7f\x00\x00\x01" + struct.pack("!H", there.port))
            writer.write(b"GET /hello HTTP/1.0\r\n\r\n")
            await reader.readexactly(1000)
        async with asyncio.timeout(5):
            while await reader.read(65536):
                pass
        writer.close()


async def test_there_are_only_so_many_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """One more than the bound is closed without a word."""
    monkeypatch.setattr(egress, "MAX_CONNECTIONS", 2)
    async with way_out(allow_private=True) as way, greeted(way), greeted(way):
        parts = urlsplit(way.proxy)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        assert await reader.read() == b""
        writer.close()
