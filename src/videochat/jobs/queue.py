"""The port to whatever runs jobs durably; `engine.py` is the real one."""

from __future__ import annotations

from typing import Protocol

from videochat.jobs.job import Priority, Run


class JobQueue(Protocol):
    """Takes runs and promises to work on each until it has ended, whatever dies in between."""

    async def enqueue(self, run: Run, priority: Priority) -> None:
        """Queue a run; queueing a known run again changes nothing."""
        ...

    async def cancel(self, run: Run) -> None:
        """Stop a run and everything that it has started; harmless when it has ended or is unknown."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
