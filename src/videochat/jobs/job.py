"""A job: work that somebody asked for, as its owner sees it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

Status = Literal["queued", "running", "paused", "completed", "failed", "cancelled"]
Priority = Literal["urgent", "high", "normal", "low"]
Action = Literal["cancel", "pause", "resume", "retry"]

LIVE: tuple[Status, ...] = ("queued", "running")
FINAL: tuple[Status, ...] = ("completed", "failed", "cancelled")
PRIORITIES: tuple[Priority, ...] = ("urgent", "high", "normal", "low")


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work. `parameters` are frozen when it is created; a retry never drops one.

    `progress` is the share of the recording that has been listened to, 0 to 1, `rate` how many seconds of it in a second.
    `attempts` counts how often it was started or started again by a person; every attempt reuses what the earlier ones
    finished. `work` is the fingerprint of content and parameters: equal work has equal results. `windows` is known once the
    recording is cut, `audio_seconds` is its length.
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
    work: str | None
    windows: int | None
    audio_seconds: float | None
    rate: float | None
    rated_at: datetime | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def run(self) -> Run:
        return Run(self.id, self.attempts)

    @property
    def is_import(self) -> bool:
        """Whether it fetches its recording from a link first."""
        return "link" in self.parameters

    @property
    def remaining_seconds(self) -> float | None:
        """How long it will take at the present rate, None while that cannot be said."""
        if self.status != "running" or not self.rate or self.audio_seconds is None:
            return None
        return (1 - self.progress) * self.audio_seconds / self.rate

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "kind": self.kind,
            "media_id": self.media_id,
            "link": self.parameters.get("link"),
            "status": self.status,
            "progress": round(self.progress, 4),
            "step": self.step,
            "rate": self.rate and round(self.rate, 2),
            "remaining_seconds": self.remaining_seconds and round(self.remaining_seconds, 1),
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
