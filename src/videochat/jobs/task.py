"""A task: a part of a job that one worker does as a whole. Tasks wait in queues; a worker that takes one holds it by a lease."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from videochat.jobs.job import Job, Run

Kind = Literal["fetch", "decode", "window", "finish"]
Queue = Literal["fetch", "decode", "transcribe"]

QUEUES: tuple[Queue, ...] = ("fetch", "decode", "transcribe")
QUEUE_OF: dict[Kind, Queue] = {
    "fetch": "fetch",
    "decode": "decode",
    "window": "transcribe",
    "finish": "transcribe",
}


@dataclass(frozen=True, slots=True)
class Task:
    """Work that waits, or that a worker has taken.

    `n` is the window's number. `tries` counts how often the task was taken, this time included; `failures` how often it
    failed in a way that may pass. Both are bounded, so that neither a poisonous recording nor a broken engine is tried for
    ever.
    """

    id: str
    job_id: str
    attempt: int
    kind: Kind
    n: int
    tries: int = 0
    failures: int = 0

    @classmethod
    def of(cls, run: Run, kind: Kind, n: int = 0) -> Task:
        """Return a new task; the same one always has the same id, so offering it twice is harmless."""
        return cls(f"{run.id}.{kind}.{n}", run.job_id, run.attempt, kind, n)

    @classmethod
    def first(cls, job: Job) -> Task:
        """Return the task with which each attempt at the job begins."""
        return cls.of(job.run, "fetch" if job.is_import else "decode")

    @property
    def run(self) -> Run:
        return Run(self.job_id, self.attempt)

    @property
    def queue(self) -> Queue:
        return QUEUE_OF[self.kind]


@dataclass(frozen=True, slots=True)
class Held:
    """What of a task that a worker holds is told to those who look after the service."""

    job_id: str
    media_id: str
    kind: str
    n: int
    tries: int
