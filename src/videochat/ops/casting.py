"""The child's half of a mould: see `videochat.ops.mould`. A process that is ready forks for each task and does none itself.

Why a fork is safe here: the process has one thread (its libraries are told to start none, and a test counts), so no lock can
be held by a thread that the fork lacks; and it never does what a task asks, so no library holds anything of one.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import NoReturn

from videochat.ops.serving import Message, answer, be_nice, die_with_parent, say_crash

Handle = Callable[[Message], Iterator[Message]]


def serve_casts(handle: Handle) -> None:
    """Let a fork answer each task, until stdin closes: the main loop of a mould.

    Stdin is a socket over which channels come, one for each task. On its channel the fork finds nobody but who asked.
    """
    sys.excepthook = lambda _kind, error, _trace: say_crash(None, error)
    die_with_parent()
    be_nice()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    asking = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # what libraries print
    gc.freeze()  # else the forks' garbage collectors would copy our memory by touching it
    _Mould(handle, asking).serve()


class _Mould:
    """Waits for channels, for who hangs up, and for forks that end."""

    def __init__(self, handle: Handle, asking: socket.socket) -> None:
        self._handle = handle
        self._asking = asking
        self._casts: dict[int, socket.socket] = {}  # by process id, until reaped: so an id cannot be another's by then
        self._bells = socket.socketpair()
        self._events = selectors.PollSelector()  # unlike epoll's, what it watches is not shared with forks
        self._open = True

    def serve(self) -> None:
        for bell in self._bells:
            bell.setblocking(False)
        signal.set_wakeup_fd(self._bells[1].fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._events.register(self._bells[0], selectors.EVENT_READ, self._reap)
        self._events.register(self._asking, selectors.EVENT_READ, self._take)
        while self._open:
            for key, _ in self._events.select():
                key.data()
        for pid in self._casts:
            os.kill(pid, signal.SIGKILL)

    def _take(self) -> None:
        told, descriptors, *_ = socket.recv_fds(self._asking, 1, 1)
        if not told:
            self._open = False
        if not descriptors:  # or we have too many files open: who asked sees the channel close
            return
        channel = socket.socket(fileno=descriptors[0])
        with channel.makefile("rb") as lines:
            task = lines.readline()  # it was written before the channel was given, and nothing more ever is
        with suppress(OSError):  # no room for a fork: who asked sees a channel close that nobody has used
            self._cast(channel, task)
            return
        channel.close()

    def _cast(self, channel: socket.socket, task: bytes) -> None:
        mould = os.getpid()
        pid = os.fork()
        if not pid:
            self._become(channel, task, mould)
        self._casts[pid] = channel
        self._events.register(channel, selectors.EVENT_READ, partial(self._kill, pid))

    def _become(self, channel: socket.socket, task: bytes, mould: int) -> NoReturn:
        """Do the task as the process that only does this, and end."""
        request_id = None
        try:
            die_with_parent(mould)
            self._forget()
            message = json.loads(task)
            request_id = message["request_id"]
            with channel.makefile("w", encoding="utf-8") as out:
                answer(out, self._handle(message))
        finally:
            _end(request_id, sys.exception())

    def _forget(self) -> None:
        """Let go of what only the mould may use."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for other in (self._asking, *self._bells, *self._casts.values()):
            other.close()

    def _kill(self, pid: int) -> None:
        """End the fork whose channel was hung up."""
        if pid in self._casts:  # else it has just been reaped
            self._events.unregister(self._casts[pid])
            os.kill(pid, signal.SIGKILL)

    def _reap(self) -> None:
        """Tell who asked how its fork has ended, and close the channel."""
        with suppress(BlockingIOError):
            while self._bells[0].recv(1024):
                pass
        for pid in [*self._casts]:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self._part(self._casts.pop(pid), os.waitstatus_to_exitcode(status))

    def _part(self, channel: socket.socket, status: int) -> None:
        with suppress(KeyError):  # it was killed by us
            self._events.unregister(channel)
        with channel, suppress(OSError):  # who reads no more need not be told
            channel.setblocking(False)
            channel.sendall(b"\n%s\n" % json.dumps({"ended": status}).encode())


def _end(request_id: str | None, error: BaseException | None) -> NoReturn:
    """End the fork without what the mould does at its end, whatever happened."""
    try:
        if error is not None:
            say_crash(request_id, error)
    finally:
        os._exit(0 if error is None else 1)
