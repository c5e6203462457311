"""What processes there are, for tests that start and end them."""

from __future__ import annotations

import os
from pathlib import Path


def children(parent: int | None = None) -> set[int]:
    """Return the ids of the child processes of the parent (this one), but for the S3 store that other tests started."""
    tasks = Path(f"/proc/{parent or os.getpid()}/task")
    while True:
        threads = list(tasks.iterdir())
        try:
            pids = {int(pid) for thread in threads for pid in (thread / "children").read_text().split()}
        except (FileNotFoundError, ProcessLookupError):
            continue  # a thread ended just now, and left its children to another
        return {pid for pid in pids if b"moto.server" not in command(pid)}


def command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):  # it ended just now
        return b""


def lives(pid: int) -> bool:
    """Say whether there is such a process that has not ended; one that nobody has reaped yet is no more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
