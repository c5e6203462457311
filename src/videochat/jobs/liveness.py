"""Which workers are dead, judged only by what this process has seen itself."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Beat:
    """When a worker last said that it lives, by its own clock, and where its process is."""

    host: str
    pid: int
    at: datetime


class Liveness:
    """A worker whose beat stands still for `patience` seconds is dead, or at once when its process is gone from this machine.

    Beats are compared with themselves, never with our clock: clocks of machines differ. After an outage of the database
    nobody has beaten for a while without being dead, so whoever could not look calls `forget` and watches anew.
    """

    def __init__(self, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience = patience
        self._clock = clock
        self._seen: dict[str, tuple[datetime, float]] = {}

    def dead(self, beats: Mapping[str, Beat]) -> set[str]:
        """Return the workers that are dead, of these; call it about as often as they beat."""
        now = self._clock()
        self._seen = {
            worker: self._seen[worker] if self._seen.get(worker, (None,))[0] == beat.at else (beat.at, now)
            for worker, beat in beats.items()
        }
        silent = {worker for worker, (_, since) in self._seen.items() if now - since > self._patience}
        return silent | {worker for worker, beat in beats.items() if is_gone(beat)}

    def forget(self) -> None:
        """Start watching anew."""
        self._seen.clear()


@cache
def this_host() -> str:
    """Return a name of this machine under which process numbers mean the same; containers have numbers of their own."""
    namespace = Path("/proc/self/ns/pid")
    inode = namespace.stat().st_ino if namespace.exists() else 0
    return f"{socket.gethostname()}/{inode}"


def is_gone(beat: Beat) -> bool:
    """Say whether the worker ran on this machine and its process is no more."""
    if beat.host != this_host():
        return False
    try:
        os.kill(beat.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
