"""Derived things, stored once under the fingerprint of what they depend on.

The value must be a pure function of the key's inputs, so whoever writes first wins and nobody is wrong.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from videochat.store.tables import ArtefactRow
from videochat.store.upsert import upsert


async def get(session: AsyncSession, key: str) -> dict[str, Any] | None:
    return await session.scalar(select(ArtefactRow.value).where(ArtefactRow.key == key))


async def put(session: AsyncSession, key: str, kind: str, value: dict[str, Any], *, subject: str | None = None) -> None:
    """Store the value unless the key is known already; it is removed with its subject, the hash of the content."""
    row = {"key": key, "kind": kind, "subject": subject, "value": value, "created_at": datetime.now(UTC)}
    await session.execute(upsert(session, ArtefactRow).values(row).on_conflict_do_nothing())


async def remove_about(session: AsyncSession, subject: str) -> None:
    """Remove everything that was derived from this content."""
    await session.execute(delete(ArtefactRow).where(ArtefactRow.subject == subject))
