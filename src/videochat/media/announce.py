"""Telling who follows a medium what became of it."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from videochat.media.media import Media
from videochat.store import events


async def announce(session: AsyncSession, media: Media, action: str) -> None:
    """Tell it in the transaction in which it is done."""
    data = {"id": media.id, "action": action}
    await events.append(session, f"media:{media.id}", "media", data, owner=media.owner)
