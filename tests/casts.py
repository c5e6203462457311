"""A process for tests of moulds, `python -m casts`: each task says how the fork that does it behaves."""

from __future__ import annotations

import errno
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from videochat.ops.casting import serve_casts
from videochat.ops.serving import Message

TALKATIVE = 5_000


def handle(task: Message) -> Iterator[Message]:
    if told := task.get("say"):
        yield {"said": told}
    match task["do"]:
        case "work":
            yield {
                "pid": os.getpid(),
                "parent": os.getppid(),
                "threads": threading.active_count(),
                "sockets": _sockets(),
            }
        case "hang":
            yield {"pid": os.getpid()}
            time.sleep(600)
        case "stand still":
            yield {"pid": os.getpid()}
            os.kill(os.getpid(), signal.SIGSTOP)
        case "talk":
            yield from ({"n": n} for n in range(TALKATIVE))
        case "exit":
            os._exit(task["status"])
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "bug":
            raise ZeroDivisionError
        case "rave":
            _write_everywhere(task["bytes"].encode())


def _sockets() -> int:
    """Return how many sockets this process has open."""
    return sum(str(file.readlink()).startswith("socket:") for file in _open_files())


def _open_files() -> list[Path]:
    found = []
    for file in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the listing's own
            file.readlink()
            found.append(file)
    return found


def _write_everywhere(said: bytes) -> None:
    """Write to all that is open, but for what people read."""
    for file in _open_files():
        if (descriptor := int(file.name)) > 2:
            with suppress(OSError):
                os.write(descriptor, said)


def _no_room() -> int:
    raise OSError(errno.EAGAIN, "no room")


if __name__ == "__main__":
    if "NO_ROOM_FOR_FORKS" in os.environ:
        os.fork = _no_room
    serve_casts(handle)
