"""Settings that were changed while the service ran, in the database: the same for all processes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from videochat.store import events
from videochat.store.tables import SettingRow
from videochat.store.upsert import upsert

STREAM = "settings:changed"
NOBODY = "-"  # no owner's stream: names of settings are nobody's news but the processes'


@dataclass(frozen=True, slots=True)
class Override:
    """A setting's value as JSON; of a secret that is set it is sealed."""

    name: str
    value: str
    changed_at: datetime
    changed_by: str


async def every(session: AsyncSession) -> list[Override]:
    columns = (SettingRow.name, SettingRow.value, SettingRow.changed_at, SettingRow.changed_by)
    return [Override(*row) for row in await session.execute(select(*columns).order_by(SettingRow.name))]


async def put(session: AsyncSession, name: str, value: str, by: str) -> None:
    """Keep the value and let every process know."""
    values = {"value": value, "changed_at": datetime.now(UTC), "changed_by": by}
    statement = upsert(session, SettingRow).values(name=name, **values)
    await session.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))
    await _tell(session, name)


async def remove(session: AsyncSession, name: str) -> None:
    """Forget the value and let every process know; nothing happens when there is none."""
    await session.execute(delete(SettingRow).where(SettingRow.name == name))
    await _tell(session, name)


async def _tell(session: AsyncSession, name: str) -> None:
    await events.append(session, STREAM, "settings", {"name": name}, owner=NOBODY)
