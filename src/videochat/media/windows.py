"""The queries with which windows that nobody needs any more go, in two steps: a kill in between loses and doubles nothing."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from videochat.store.blob import windows_prefix
from videochat.store.fingerprint import fingerprint
from videochat.store.tables import WindowRow


async def plans(session: AsyncSession, sha256: str) -> set[str]:
    """Return the plans of which windows of this content are stored."""
    of_content = WindowRow.blob.startswith(windows_prefix(sha256), autoescape=True)
    return set(await session.scalars(select(WindowRow.plan).where(of_content).distinct()))


async def set_aside(session: AsyncSession, unneeded: Collection[str]) -> set[str]:
    """Move the windows of these plans to plans for which nobody asks, and return those."""
    aside = {plan: fingerprint("aside", plan=plan) for plan in unneeded}
    for plan, other in aside.items():
        await session.execute(update(WindowRow).where(WindowRow.plan == plan).values(plan=other))
    return set(aside.values())


async def remove(session: AsyncSession, aside: Collection[str]) -> set[str]:
    """Forget windows that were set aside, and return the keys of their blobs that no other window has."""
    gone = delete(WindowRow).where(WindowRow.plan.in_(aside)).returning(WindowRow.blob)
    keys = set(await session.scalars(gone))
    return keys - set(await session.scalars(select(WindowRow.blob).where(WindowRow.blob.in_(keys))))
