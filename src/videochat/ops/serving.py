"""The child's half of a child process: see `videochat.ops.child`. The standard library only: a child must start quickly."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, TextIO

Message = dict[str, Any]
PR_SET_PDEATHSIG = 1
PARENT = "VIDEOCHAT_PARENT"  # environment variable with the process id of who starts a child
LINKS = re.compile(r"\w+://\S+")
NICENESS = 10  # people who read go before machines that work


def say_crash(request_id: str | None, error: BaseException) -> None:
    """Write a log line about what ended this process: the log of its parent goes to the same stderr.

    Without links, which may hold secrets: what blanks these elsewhere would take a child too long to import.
    """
    line = {
        "request_id": request_id,
        "event": "child.crashed",
        "level": "error",
        "timestamp": datetime.now(UTC).isoformat(),
        "exception": LINKS.sub("…", "".join(traceback.format_exception(error))),
    }
    sys.stderr.write(json.dumps(line) + "\n")


def be_nice(process: int = 0) -> None:
    """Let others go before a process (0: this one); it may be as nice already."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.setpriority(os.PRIO_PROCESS, process, max(NICENESS, os.getpriority(os.PRIO_PROCESS, process)))


def serve(
    handle: Callable[[Message], Iterator[Message]], crashed: Callable[[str | None, BaseException], None] = say_crash
) -> None:
    """Answer tasks from stdin until it closes: the child's main loop.

    `handle` yields the replies to one task; `{"done": true}` follows by itself. What libraries print to stdout goes to
    stderr, so that it cannot break the protocol. `crashed` logs what ends the process, with the request id of its task.
    """
    task: Message = {}
    sys.excepthook = lambda _kind, error, _trace: crashed(task.get("request_id"), error)
    die_with_parent()
    be_nice()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    with _protocol_stream() as out:
        for line in sys.stdin:
            task = json.loads(line)
            answer(out, handle(task))


def answer(out: TextIO, replies: Iterator[Message]) -> None:
    """Write the replies to one task, and that these were all."""
    for reply in replies:
        _write(out, reply)
    _write(out, {"done": True})


def die_with_parent(parent: int | None = None) -> None:
    """Ask Linux to kill this process when its parent dies; elsewhere it ends when it next reads or writes.

    The parent is the process that started this one as a `Child`, or else the one that forked it.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != (parent or int(os.environ[PARENT])):
            os._exit(1)  # the parent died before we asked


def _write(out: TextIO, reply: Message) -> None:
    out.write(json.dumps(reply) + "\n")
    out.flush()


@contextlib.contextmanager
def _protocol_stream() -> Iterator[TextIO]:
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        yield out
