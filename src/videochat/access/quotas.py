"""How much each account may keep and use; without accounts there is no limit but the machine's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, get_args

from sqlalchemy.ext.asyncio import AsyncSession

from videochat.access import repository
from videochat.errors import QuotaError, StorageQuotaError
from videochat.ops.actor import Actor
from videochat.sections import LimitSettings
from videochat.store.session import Database

Name = Literal["storage_bytes", "audio_minutes", "tokens"]
NAMES: tuple[Name, ...] = get_args(Name)


@dataclass(frozen=True, slots=True)
class Usage:
    """What somebody keeps, and used this month; a limit of None is none."""

    storage_bytes: int
    audio_minutes: float
    tokens: int
    limits: dict[str, float | None]
    month: str


class Quotas:
    """Looks before something is begun; `limits` gives what holds for everybody now, None where nothing does."""

    def __init__(self, database: Database, limits: Callable[[], LimitSettings | None]) -> None:
        self._database = database
        self._limits = limits

    async def usage(self, actor: Actor) -> Usage:
        """Return what the actor uses and may use."""
        async with self._database.read() as session:
            return await self._usage(session, actor)

    async def _usage(self, session: AsyncSession, actor: Actor) -> Usage:
        month = month_of(datetime.now(UTC))
        own = await repository.quotas_of(session, actor.id)
        stored = await repository.stored_bytes(session, actor.id)
        seconds, tokens = await repository.used(session, actor.id, month)
        general: dict[str, float | None] = {name: getattr(self._limits(), name, None) for name in NAMES}
        return Usage(stored, seconds / 60, tokens, {**general, **own}, month)

    async def require(self, session: AsyncSession, actor: Actor, name: Name, more: float) -> None:
        """Raise QuotaError, for storage StorageQuotaError, when the actor has no room for this much more."""
        if self._limits() is None:
            return
        now = await self._usage(session, actor)
        limit, used = now.limits.get(name), getattr(now, name)
        if limit is not None and used + more > limit:
            reason = _REASONS[name].format(limit=limit)
            if name == "storage_bytes":
                raise StorageQuotaError(reason)
            raise QuotaError(reason, code=f"quota_{name}", retry_after=_until_next_month())


async def count(session: AsyncSession, owner: str, *, audio_seconds: float = 0, tokens: int = 0) -> None:
    """Count what was used, in the caller's transaction."""
    if audio_seconds or tokens:
        month = month_of(datetime.now(UTC))
        await repository.use(session, owner, month, audio_seconds=audio_seconds, tokens=tokens)


_REASONS: dict[Name, str] = {
    "storage_bytes": "There is no room for this in your storage of {limit:,.0f} bytes: delete recordings first.",
    "audio_minutes": "Your {limit:,.0f} minutes of transcription for this month do not suffice for this.",
    "tokens": "Your {limit:,.0f} tokens of the language model for this month are used up.",
}


def month_of(moment: datetime) -> str:
    return f"{moment:%Y-%m}"


def _until_next_month() -> int:
    """Return the seconds until used minutes and tokens are forgotten."""
    now = datetime.now(UTC)
    following = datetime(now.year + now.month // 12, now.month % 12 + 1, 1, tzinfo=UTC)
    return int((following - now).total_seconds()) + 1
