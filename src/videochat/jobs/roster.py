"""Which workers there are, on all machines, and what each holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from videochat.jobs import repository
from videochat.jobs.liveness import Beat, is_gone
from videochat.jobs.task import Held
from videochat.sections import JobSettings
from videochat.store.session import Database

MISSED_BEATS = 5  # so many in a row, and the others take a worker for dead


@dataclass(frozen=True, slots=True)
class Member:
    """A worker as the database knows it; what a dead one holds is about to be given to others."""

    id: str
    beat: Beat
    alive: bool
    held: tuple[Held, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "host": self.beat.host.partition("/")[0],
            "pid": self.beat.pid,
            "beat_at": self.beat.at.isoformat(),
            "alive": self.alive,
            "leases": [asdict(held) for held in self.held],
        }


async def members(database: Database, settings: JobSettings) -> list[Member]:
    """Return all workers by their ids, with what they hold."""
    async with database.read() as session:
        beats = await repository.beats(session)
        held = await repository.held(session)
    alive = _alive(beats, settings)
    return [Member(worker, beat, worker in alive, held.get(worker, ())) for worker, beat in sorted(beats.items())]


async def alive_workers(database: Database, settings: JobSettings) -> set[str]:
    """Return the ids of the workers that seem to live, on any machine, judged by the clocks."""
    async with database.read() as session:
        return _alive(await repository.beats(session), settings)


def _alive(beats: Mapping[str, Beat], settings: JobSettings) -> set[str]:
    since = datetime.now(UTC) - timedelta(seconds=settings.heartbeat_seconds * MISSED_BEATS)
    return {worker for worker, beat in beats.items() if beat.at >= since and not is_gone(beat)}
