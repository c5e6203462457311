"""A job: work that somebody asked for, as its owner sees it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

Status = Literal["queued", "running", "paused", "completed", "failed", "cancelled"]
Priority = Literal["urgent", "high", "normal", "low"]

LIVE: tuple[Status, ...] = ("queued", "running")
FINAL: tuple[Status, ...] = ("completed", "failed", "cancelled")
PRIORITIES: tuple[Priority, ...] = ("urgent", "high", "normal", "low")


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work. `parameters` are frozen when it is created; a retry never drops one.

    `progress` is the share of the recording that is readable, 0 to 1. `attempts` counts how often it was started
    or started again by a person; every attempt reuses what the earlier ones finished.
    """

    id: str
    owner: str
    kind: str
    media_id: str
    parameters: dict[str, Any]
    status: Status
    progress: float
    step: str
    priority: Priority
    attempts: int
    error: dict[str, Any] | None
    request_id: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def run(self) -> Run:
        return Run(self.id, self.attempts)

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "kind": self.kind,
            "media_id": self.media_id,
            "status": self.status,
            "progress": round(self.progress, 4),
            "step": self.step,
            "priority": self.priority,
            "attempts": self.attempts,
            "error": self.error,
            "created_at": self.created_at.isoformat(),
            "started_at": self.started_at and self.started_at.isoformat(),
            "finished_at": self.finished_at and self.finished_at.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt at a job. What an older attempt still writes is refused."""

    job_id: str
    attempt: int

    @property
    def id(self) -> str:
        return f"{self.job_id}.{self.attempt}"
