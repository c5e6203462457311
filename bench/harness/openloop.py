"""An open-loop load generator: requests leave by the clock, whether or not earlier ones were answered.

Times count from when a request was due, so that a server that stalls is charged for everyone who had to wait
(no coordinated omission). Blocking sockets in threads: a sleeping thread wakes within 0.1 ms, where an event loop's
timers have a grain of 1 ms, and reading an answer costs a few system calls.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

from harness.report import InvalidMeasureError
from harness.service import HOST

CONNECTIONS = 8  # for each target; more than a server that keeps up ever uses
LEAD_SECONDS = 0.2  # until every thread waits for its first request
TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked for over and over."""

    port: int
    path: str

    @property
    def request(self) -> bytes:
        return f"GET {self.path} HTTP/1.1\r\nHost: {HOST}:{self.port}\r\n\r\n".encode()


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: `ms` since the request was due, `late_ms` of which the generator itself lost before sending it."""

    status: int
    size: int
    ms: float
    late_ms: float


def drive(targets: Sequence[Target], *, rate: float, seconds: float) -> list[list[Reply]]:
    """Send `rate` requests a second, to each target in turn, and return the replies of each target."""
    rounds = int(rate * seconds / len(targets))
    start = time.perf_counter() + LEAD_SECONDS
    with ThreadPoolExecutor(CONNECTIONS * len(targets)) as pool:
        connections = [
            [pool.submit(_ask, target, _due(start, rate, n, len(targets), rounds, k)) for k in range(CONNECTIONS)]
            for n, target in enumerate(targets)
        ]
    return [[reply for future in futures for reply in future.result()] for futures in connections]


def _due(start: float, rate: float, n: int, targets: int, rounds: int, connection: int) -> list[float]:
    """Return when this connection's requests to the n-th target are due."""
    return [start + (n + targets * turn) / rate for turn in range(connection, rounds, CONNECTIONS)]


def _ask(target: Target, due: Sequence[float]) -> list[Reply]:
    """Send one request after the other over one connection, each when it is due or as soon as the one before is answered."""
    try:
        with closing(socket.create_connection((HOST, target.port), TIMEOUT_SECONDS)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return list(_replies(connection, target.request, due))
    except OSError as error:
        raise InvalidMeasureError(f"{target.path} was not answered: {error}") from error


def _replies(connection: socket.socket, request: bytes, due: Sequence[float]) -> Iterator[Reply]:
    free = time.perf_counter()
    for moment in due:
        time.sleep(max(0.0, moment - time.perf_counter()))
        sent = time.perf_counter()
        connection.sendall(request)
        status, size = _read_answer(connection)
        late, free = sent - max(moment, free), time.perf_counter()
        yield Reply(status, size, (free - moment) * 1000, late * 1000)


def _read_answer(connection: socket.socket) -> tuple[int, int]:
    """Return status and body length in bytes."""
    answer = _receive(connection)
    while b"\r\n\r\n" not in answer:
        answer += _receive(connection)
    head, _, body = answer.partition(b"\r\n\r\n")
    size, got = _content_length(head), len(body)
    while got < size:
        got += len(_receive(connection))
    return int(head[9:12]), size


def _receive(connection: socket.socket) -> bytes:
    received = connection.recv(262_144)
    if not received:
        raise ConnectionError("the server closed the connection")
    return received


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.removeprefix(b"content-length:"))
    raise InvalidMeasureError("an answer does not say how long it is")
