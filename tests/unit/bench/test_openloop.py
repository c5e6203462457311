"""The load generator sends by the clock and charges a stalled server for everyone who waited."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from harness.openloop import Target, drive
from harness.report import InvalidMeasureError

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
Answer = Callable[[socket.socket], None]


def at_once(connection: socket.socket) -> None:
    connection.sendall(ANSWER + b"hello")


def in_pieces(connection: socket.socket) -> None:
    for piece in (ANSWER[:9], ANSWER[9:] + b"he", b"llo"):
        connection.sendall(piece)
        time.sleep(0.002)


@contextmanager
def serving(answer: Answer) -> Iterator[int]:
    """Run a server that answers each request so, and give its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(connection,)).start()

    def talk(connection: socket.socket) -> None:
        with connection:
            while connection.recv(4096):
                answer(connection)

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@pytest.mark.parametrize("answer", [at_once, in_pieces])
def test_each_target_is_asked_equally_often(answer: Answer) -> None:
    """The requests go to the targets in turn; answers may come in pieces."""
    with serving(answer) as one, serving(at_once) as other:
        replies = drive([Target(one, "/"), Target(other, "/")], rate=200, seconds=0.5)
    assert [len(of_one) for of_one in replies] == [50, 50]
    assert {(reply.status, reply.size) for of_one in replies for reply in of_one} == {(200, 5)}


def test_the_rate_is_kept() -> None:
    """Requests leave when they are due, not when the one before was answered."""
    with serving(at_once) as port:
        started = time.perf_counter()
        drive([Target(port, "/")], rate=50, seconds=1)
    assert time.perf_counter() - started >= 49 / 50


def test_a_stall_is_charged_to_every_request_that_was_due() -> None:
    """No coordinated omission: while one answer takes 0.45 s, those that are due on its connection wait too."""
    stalled = threading.Event()

    def stall_once(connection: socket.socket) -> None:
        if not stalled.is_set():
            stalled.set()
            time.sleep(0.45)
        at_once(connection)

    with serving(stall_once) as port:
        (replies,) = drive([Target(port, "/")], rate=80, seconds=1)
    waited = sorted(replies, key=lambda reply: reply.ms)[-4:]  # due after 0, 100, 200 and 300 ms on that connection
    assert waited[0].ms > 100
    assert sum(reply.late_ms for reply in waited) < 100  # the server's fault, not the generator's


def test_a_server_that_hangs_up_makes_the_measurement_invalid() -> None:
    """A request without an answer is never left out silently."""

    def hang_up(connection: socket.socket) -> None:
        connection.shutdown(socket.SHUT_RDWR)

    with serving(hang_up) as port, pytest.raises(InvalidMeasureError, match="/x was not answered"):
        drive([Target(port, "/x")], rate=50, seconds=0.1)
