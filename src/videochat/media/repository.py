"""The queries about media and windows: the only file of this stage that touches the tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import CursorResult, Select, delete, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from videochat.access.user import Link
from videochat.media.media import Kind, Media, Status, Window
from videochat.ops.actor import Actor
from videochat.store.access_tables import GrantRow, LinkRow
from videochat.store.readable import readable
from videochat.store.tables import ArtefactRow, LeftoverRow, MediaRow, WindowRow
from videochat.store.upsert import upsert


async def insert(session: AsyncSession, media: Media) -> bool:
    """Store a new medium; False when its owner has this content already."""
    values = {**asdict(media), "updated_at": media.created_at}
    statement = upsert(session, MediaRow).values(values).on_conflict_do_nothing(index_elements=["owner", "sha256"])
    return await session.scalar(statement.returning(MediaRow.id)) is not None


async def get(session: AsyncSession, actor: Actor, media_id: str) -> Media | None:
    """Return a medium that the actor may read."""
    return await _one(session, select(MediaRow).where(MediaRow.id == media_id, readable(actor)))


async def own(session: AsyncSession, actor: Actor, media_id: str) -> Media | None:
    """Return a medium that is the actor's own."""
    return await _one(session, select(MediaRow).where(MediaRow.id == media_id, MediaRow.owner == actor.id))


async def by_content(session: AsyncSession, owner: str, sha256: str) -> Media | None:
    return await _one(session, select(MediaRow).where(MediaRow.owner == owner, MediaRow.sha256 == sha256))


async def newest(session: AsyncSession, owner: str, before: tuple[datetime, str] | None, limit: int) -> list[Media]:
    """Return media of the owner, newest first, that are older than the moment and id."""
    query = select(MediaRow).where(MediaRow.owner == owner)
    if before is not None:
        query = query.where(tuple_(MediaRow.created_at, MediaRow.id) < before)
    rows = await session.scalars(query.order_by(MediaRow.created_at.desc(), MediaRow.id.desc()).limit(limit))
    return [_media(row) for row in rows]


async def grants(session: AsyncSession, media_id: str) -> Sequence[str]:
    """Return the ids of the accounts that may read the medium, in the order in which they were allowed to."""
    query = select(GrantRow.user_id).where(GrantRow.media_id == media_id)
    return (await session.scalars(query.order_by(GrantRow.created_at, GrantRow.user_id))).all()


async def grant(session: AsyncSession, media_id: str, user_id: str, now: datetime) -> None:
    statement = upsert(session, GrantRow).values(media_id=media_id, user_id=user_id, created_at=now)
    await session.execute(statement.on_conflict_do_nothing())


async def withdraw(session: AsyncSession, media_id: str, user_id: str) -> bool:
    gone = delete(GrantRow).where(GrantRow.media_id == media_id, GrantRow.user_id == user_id)
    return cast("CursorResult[Any]", await session.execute(gone)).rowcount == 1


async def links(session: AsyncSession, media_id: str, now: datetime) -> list[Link]:
    """Return the links to the medium that are good now, newest first."""
    columns = (LinkRow.id, LinkRow.media_id, LinkRow.prefix, LinkRow.created_at, LinkRow.expires_at)
    query = select(*columns).where(LinkRow.media_id == media_id, LinkRow.expires_at > now)
    return [Link(*row) for row in await session.execute(query.order_by(LinkRow.created_at.desc(), LinkRow.id))]


async def insert_link(session: AsyncSession, link: Link, link_hash: str) -> None:
    session.add(LinkRow(**asdict(link), hash=link_hash))
    await session.flush()


async def remove_link(session: AsyncSession, media_id: str, link_id: str) -> bool:
    gone = delete(LinkRow).where(LinkRow.media_id == media_id, LinkRow.id == link_id)
    return cast("CursorResult[Any]", await session.execute(gone)).rowcount == 1


async def change(session: AsyncSession, media_id: str, **values: Any) -> None:
    await session.execute(
        update(MediaRow).where(MediaRow.id == media_id).values(updated_at=datetime.now(UTC), **values)
    )


async def remove(session: AsyncSession, media_id: str) -> None:
    await session.execute(delete(MediaRow).where(MediaRow.id == media_id))


async def is_used(session: AsyncSession, sha256: str) -> bool:
    """Say whether any owner has this content."""
    return await session.scalar(select(MediaRow.id).where(MediaRow.sha256 == sha256).limit(1)) is not None


async def forget_content(session: AsyncSession, sha256: str, now: datetime) -> None:
    """Note that nobody has this content any more."""
    statement = upsert(session, LeftoverRow).values(sha256=sha256, at=now)
    await session.execute(statement.on_conflict_do_update(index_elements=["sha256"], set_={"at": now}))


async def leftovers(session: AsyncSession, before: datetime, limit: int) -> Sequence[str]:
    """Return content that was forgotten before then."""
    return (await session.scalars(select(LeftoverRow.sha256).where(LeftoverRow.at < before).limit(limit))).all()


async def remove_leftover(session: AsyncSession, sha256: str) -> None:
    await session.execute(delete(LeftoverRow).where(LeftoverRow.sha256 == sha256))


async def older_than(session: AsyncSession, before: datetime, limit: int) -> list[Media]:
    """Return media of any owner that were added before then."""
    rows = await session.scalars(select(MediaRow).where(MediaRow.created_at < before).limit(limit))
    return [_media(row) for row in rows]


async def put_window(session: AsyncSession, window: Window) -> None:
    """Store the window; storing it again is harmless."""
    statement = upsert(session, WindowRow).values(asdict(window))
    changed = {name: statement.excluded[name] for name in ("start", "end", "blob", "speech")}
    await session.execute(statement.on_conflict_do_update(index_elements=["plan", "n"], set_=changed))


async def window(session: AsyncSession, plan: str, n: int) -> Window | None:
    row = await session.get(WindowRow, (plan, n))
    return None if row is None else Window(row.plan, row.n, row.start, row.end, row.blob, row.speech)


async def remove_windows(session: AsyncSession, prefix: str) -> Sequence[str]:
    """Forget all windows whose blobs begin so, with the reports of their plans, and return the keys of the blobs."""
    found = WindowRow.blob.startswith(prefix, autoescape=True)
    plans = select(WindowRow.plan).where(found).distinct()
    await session.execute(delete(ArtefactRow).where(ArtefactRow.key.in_(plans)))  # of the version before subjects
    return (await session.scalars(delete(WindowRow).where(found).returning(WindowRow.blob))).all()


async def _one(session: AsyncSession, query: Select[MediaRow]) -> Media | None:
    row = await session.scalar(query)
    return None if row is None else _media(row)


def _media(row: MediaRow) -> Media:
    return Media(
        id=row.id,
        owner=row.owner,
        name=row.name,
        kind=cast("Kind", row.kind),
        mime=row.mime,
        size=row.size,
        sha256=row.sha256,
        duration=row.duration,
        status=cast("Status", row.status),
        created_at=row.created_at,
    )
