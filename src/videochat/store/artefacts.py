"""Derived things, stored once under the fingerprint of what they depend on.

The value must be a pure function of the key's inputs, so whoever writes first wins and nobody is wrong.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from videochat.store.tables import ArtefactRow


async def get(session: AsyncSession, key: str) -> dict[str, Any] | None:
    return await session.scalar(select(ArtefactRow.value).where(ArtefactRow.key == key))


async def put(session: AsyncSession, key: str, kind: str, value: dict[str, Any]) -> None:
    """Store the value unless the key is known already."""
    insert = (
        postgresql.insert if session.bind is not None and session.bind.dialect.name == "postgresql" else sqlite.insert
    )
    row = {"key": key, "kind": kind, "value": value, "created_at": datetime.now(UTC)}
    await session.execute(insert(ArtefactRow).values(row).on_conflict_do_nothing())
