"""Derived things, stored once under the fingerprint of what they depend on.

The value must be a pure function of the key's inputs, so whoever writes first wins and nobody is wrong.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from videochat.store.tables import ArtefactRow
from videochat.store.upsert import upsert

MOST_AT_ONCE = 1000  # values in one statement


async def get(session: AsyncSession, key: str) -> dict[str, Any] | None:
    return await session.scalar(select(ArtefactRow.value).where(ArtefactRow.key == key))


async def put(session: AsyncSession, key: str, kind: str, value: dict[str, Any], *, subject: str | None = None) -> None:
    """Store the value unless the key is known already; it is removed with its subject, the hash of the content."""
    row = {"key": key, "kind": kind, "subject": subject, "value": value, "created_at": datetime.now(UTC)}
    await session.execute(upsert(session, ArtefactRow).values(row).on_conflict_do_nothing())


async def keys_about(session: AsyncSession, subject: str) -> set[str]:
    """Return the keys of all that was derived from this content."""
    return set(await session.scalars(select(ArtefactRow.key).where(ArtefactRow.subject == subject)))


async def remove(session: AsyncSession, keys: Collection[str]) -> None:
    """Remove these; they can be made again."""
    left = list(keys)
    while some := left[:MOST_AT_ONCE]:
        del left[:MOST_AT_ONCE]
        await session.execute(delete(ArtefactRow).where(ArtefactRow.key.in_(some)))


async def remove_about(session: AsyncSession, subject: str) -> None:
    """Remove everything that was derived from this content."""
    await session.execute(delete(ArtefactRow).where(ArtefactRow.subject == subject))
