"""The only way out for what follows links: a SOCKS5 proxy on the loopback address that goes to public addresses alone.

Looking at a link before it is followed is not enough: it may redirect, and its name may have another address at the second
look. Here a name is resolved once and what was looked at is what is connected to. SOCKS5: RFC 1928, its password: RFC 1929.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import secrets
import socket
import struct
from asyncio import IncompleteReadError, StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog

from videochat.ops.tasks import cancelled

log = structlog.get_logger(__name__)

MAX_CONNECTIONS = 64
CONNECT_SECONDS = 15.0
GREETING_SECONDS = 10.0
BLOCK_BYTES = 64 * 1024

VERSION, PASSWORD_VERSION = 5, 1
BY_PASSWORD, NO_METHOD = 2, 0xFF
CONNECT = 1
IPV4, NAME, IPV6 = 1, 3, 4
GRANTED, FORBIDDEN, UNREACHABLE, NO_COMMAND = 0, 2, 4, 7


class _RefusedError(Exception):
    """The client is told this reply and nothing else."""

    def __init__(self, reply: int) -> None:
        self.reply = reply
        super().__init__(reply)


@dataclass(slots=True)
class Exit:
    """An open way out. `proxy` is its address with a password that nobody else knows; `refused` are hosts it did not go to."""

    proxy: str
    refused: set[str] = field(default_factory=set)


@asynccontextmanager
async def way_out(*, allow_private: bool) -> AsyncIterator[Exit]:
    """Give a way out for as long as the block runs; what is still connected is cut off then."""
    password = secrets.token_urlsafe(16)
    way = Exit("")
    porter = _Porter(way, password, allow_private=allow_private)
    server = await asyncio.start_server(porter.open, "127.0.0.1", 0, limit=BLOCK_BYTES)
    way.proxy = f"socks5h://videochat:{password}@127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield way
    finally:
        server.close()
        await cancelled(*porter.serving)
        await server.wait_closed()


def is_public(address: str) -> bool:
    """Say whether everybody reaches the same machine there: not this one, not this network, not many at once."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return is_public(str(found.ipv4_mapped))
        if found.sixtofour is not None or found.teredo is not None or found not in GLOBAL_UNICAST:
            return False  # the first two lead to an IPv4 address that a gateway would choose for us
    return found.is_global and not found.is_multicast


GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")  # RFC 4291; NAT64 (64:ff9b::/96) is not in it


class _Porter:
    def __init__(self, way: Exit, password: str, *, allow_private: bool) -> None:
        self._way = way
        self._password = password.encode()
        self._allow_private = allow_private
        self.serving: set[asyncio.Task[None]] = set()

    def open(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Serve one client in a task of our own: those that asyncio makes complain when they are cancelled."""
        if len(self.serving) >= MAX_CONNECTIONS:
            writer.close()
            return
        task = asyncio.create_task(self._until_its_end(reader, writer), name="egress")
        self.serving.add(task)
        task.add_done_callback(self.serving.discard)

    async def _until_its_end(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        except (OSError, IncompleteReadError, TimeoutError):
            return
        finally:
            writer.close()

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            async with asyncio.timeout(GREETING_SECONDS):
                if not await self._known(reader, writer):
                    return
                host, port = await _wanted(reader)
            there = await self._connected(host, port)
        except _RefusedError as refused:
            writer.write(_reply(refused.reply))
            await writer.drain()
            return
        writer.write(_reply(GRANTED))
        await _joined((reader, writer), there)

    async def _known(self, reader: StreamReader, writer: StreamWriter) -> bool:
        version, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        if version != VERSION or BY_PASSWORD not in methods:
            writer.write(bytes([VERSION, NO_METHOD]))
            return False
        writer.write(bytes([VERSION, BY_PASSWORD]))
        _, length = await reader.readexactly(2)
        await reader.readexactly(length)
        password = await reader.readexactly((await reader.readexactly(1))[0])
        known = secrets.compare_digest(password, self._password)
        writer.write(bytes([PASSWORD_VERSION, 0 if known else 1]))
        return known

    async def _connected(self, host: str, port: int) -> tuple[StreamReader, StreamWriter]:
        """Connect to the first of the host's addresses that may be gone to and answers. Raises _RefusedError."""
        addresses = await _resolved(host, port)
        allowed = [address for address in addresses if self._allow_private or is_public(address)]
        if not allowed:
            self._way.refused.add(host)
            log.warning("egress.refused", host=host, addresses=addresses)
            raise _RefusedError(FORBIDDEN)
        for address in allowed:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(CONNECT_SECONDS):
                    return await asyncio.open_connection(address, port, limit=BLOCK_BYTES)
        raise _RefusedError(UNREACHABLE)


async def _wanted(reader: StreamReader) -> tuple[str, int]:
    """Read where the client wants to go. Raises _RefusedError when it wants something else than to connect."""
    _, command, _, kind = await reader.readexactly(4)
    if kind == NAME:
        host = (await reader.readexactly((await reader.readexactly(1))[0])).decode("ascii", "replace")
    elif kind in {IPV4, IPV6}:
        host = str(ipaddress.ip_address(await reader.readexactly(4 if kind == IPV4 else 16)))
    else:
        raise _RefusedError(NO_COMMAND)
    (port,) = struct.unpack("!H", await reader.readexactly(2))
    if command != CONNECT:
        raise _RefusedError(NO_COMMAND)
    return host, port


async def _resolved(host: str, port: int) -> list[str]:
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError):
        raise _RefusedError(UNREACHABLE) from None
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _reply(code: int) -> bytes:
    return bytes([VERSION, code, 0, IPV4, 0, 0, 0, 0, 0, 0])


async def _joined(here: tuple[StreamReader, StreamWriter], there: tuple[StreamReader, StreamWriter]) -> None:
    """Pass on what either side says until both have ended."""
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_passed_on(here[0], there[1]))
            group.create_task(_passed_on(there[0], here[1]))
    except* OSError:
        pass
    finally:
        there[1].close()


async def _passed_on(source: StreamReader, target: StreamWriter) -> None:
    while block := await source.read(BLOCK_BYTES):
        target.write(block)
        await target.drain()
    target.write_eof()
