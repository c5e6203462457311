"""How long the head of a request may be, as a running service has it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from urllib.parse import urlsplit

from e2e.conftest import Service
from videochat.cli.serve import MOST_HEAD_BYTES

BEGIN = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nCookie: "


def begun(service: Service, size: int) -> socket.socket:
    """Send so many bytes of a head, but not its end."""
    where = urlsplit(service.url)
    connection = socket.create_connection((where.hostname or "", where.port or 0), timeout=30)
    connection.sendall(BEGIN.ljust(size, b"x"))
    return connection


def answer(connection: socket.socket) -> bytes:
    with connection, connection.makefile("rb") as read:
        return read.readline()


def test_a_head_is_held_in_memory_up_to_a_limit(serve: Callable[..., Service]) -> None:
    """One byte more is refused although its end never comes; as much as the limit is a request like any other."""
    service = serve()
    assert answer(begun(service, MOST_HEAD_BYTES + 1)).startswith(b"HTTP/1.1 400 ")
    fitting = begun(service, MOST_HEAD_BYTES)
    with service.client() as client:  # asked later, so by now the service has read the other
        assert client.get("/health/live").status_code == 200
    fitting.sendall(b"\r\n\r\n")
    assert answer(fitting).startswith(b"HTTP/1.1 200 ")
