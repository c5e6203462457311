"""The child's half of a child process: see `videochat.ops.child`. The standard library only: a child must start quickly."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any, TextIO

Message = dict[str, Any]
PR_SET_PDEATHSIG = 1
NICENESS = 10  # people who read go before machines that work


def serve(handle: Callable[[Message], Iterator[Message]]) -> None:
    """Answer tasks from stdin until it closes: the child's main loop.

    `handle` yields the replies to one task; `{"done": true}` follows by itself. What libraries print to stdout goes to
    stderr, so that it cannot break the protocol.
    """
    _die_with_parent()
    os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    with _protocol_stream() as out:
        for line in sys.stdin:
            for reply in handle(json.loads(line)):
                _write(out, reply)
            _write(out, {"done": True})


def _write(out: TextIO, reply: Message) -> None:
    out.write(json.dumps(reply) + "\n")
    out.flush()


@contextlib.contextmanager
def _protocol_stream() -> Iterator[TextIO]:
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        yield out


def _die_with_parent() -> None:
    """Ask Linux to kill this process when its parent dies; elsewhere the closed stdin ends it between tasks."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(os.environ["VIDEOCHAT_PARENT"]):
            os._exit(1)  # the parent died before we asked
