"""Derived things, stored once under the fingerprint of what they depend on.

The value must be a pure function of the key's inputs, so whoever writes first wins and nobody is wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from videochat.store.tables import ArtefactRow
from videochat.store.upsert import upsert

LEVEL = "artefacts"  # what metrics call this table among the levels of the cache
MOST_AT_ONCE = 1000  # values in one statement

Kind = Literal["audio", "health", "window-transcript"]
"""What is derived: a whole decoding, what is doubtful in a transcript, what an engine heard in a window."""


async def get(session: AsyncSession, key: str) -> dict[str, Any] | None:
    return await session.scalar(select(ArtefactRow.value).where(ArtefactRow.key == key))


async def put(
    session: AsyncSession, key: str, kind: Kind, value: dict[str, Any], *, subject: str | None = None
) -> None:
    """Store the value unless the key is known already; it is removed with its subject, the hash of the content."""
    row = {"key": key, "kind": kind, "subject": subject, "value": value, "created_at": datetime.now(UTC)}
    await session.execute(upsert(session, ArtefactRow).values(row).on_conflict_do_nothing())


async def keys_about(session: AsyncSession, subject: str) -> set[str]:
    """Return the keys of all that was derived from this content."""
    return set(await session.scalars(select(ArtefactRow.key).where(ArtefactRow.subject == subject)))


async def remove(session: AsyncSession, keys: Collection[str]) -> Counter[str]:
    """Remove these, which can be made again, and return how many there were of each kind."""
    left, removed = list(keys), Counter[str]()
    while some := left[:MOST_AT_ONCE]:
        del left[:MOST_AT_ONCE]
        gone = delete(ArtefactRow).where(ArtefactRow.key.in_(some)).returning(ArtefactRow.kind)
        removed.update(await session.scalars(gone))
    return removed


async def remove_about(session: AsyncSession, subject: str) -> None:
    """Remove everything that was derived from this content."""
    await session.execute(delete(ArtefactRow).where(ArtefactRow.subject == subject))
