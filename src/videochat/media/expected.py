"""Media whose content is being fetched: they are in the library at once, and have their content later."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from videochat.errors import NotFoundError
from videochat.media import repository
from videochat.media.announce import announce
from videochat.media.media import Media, clean_title
from videochat.ops.actor import Actor
from videochat.store.fingerprint import new_id


async def expect(session: AsyncSession, actor: Actor, name: str) -> Media:
    """Store a medium without content in the caller's transaction."""
    media_id = new_id("med")
    media = Media(
        id=media_id, owner=actor.id, name=clean_title(name), kind="unknown", mime="application/octet-stream", size=0,
        sha256=_no_content(media_id), duration=None, status="expected", created_at=datetime.now(UTC),
    )  # fmt: skip
    await repository.insert(session, media)
    await announce(session, media, "created")
    return media


async def arrive(session: AsyncSession, media_id: str, expected_name: str, found: Media) -> Media:
    """Let an expected medium have the content that was found, and return it as it is then.

    Where its owner has that content already, that medium is returned and the expected one stays as it was. A name that
    somebody gave it meanwhile is kept. Raises NotFoundError.
    """
    known = await repository.by_content(session, found.owner, found.sha256)
    if known is not None:
        return known
    expected = await repository.own(session, Actor(found.owner), media_id)
    if expected is None:
        raise NotFoundError("The recording was deleted while it was fetched.")
    name = found.name if expected.name == clean_title(expected_name) else expected.name
    media = replace(found, id=media_id, name=name, created_at=expected.created_at)
    await repository.change(session, media_id, **_content(media))
    await announce(session, media, "fetched")
    return media


async def give_way(session: AsyncSession, media_id: str, to: Media) -> None:
    """Remove an expected medium whose owner has its content in another one."""
    await repository.remove(session, media_id)
    await announce(session, replace(to, id=media_id), "deleted")


async def lose(session: AsyncSession, media: Media) -> None:
    """Expect the content of the medium again: it was deleted for its last other owner when it had just arrived."""
    await repository.change(session, media.id, status="expected", sha256=_no_content(media.id))


def _no_content(media_id: str) -> str:
    return f"expected-{media_id}"  # no hash looks like this


def _content(media: Media) -> dict[str, Any]:
    names = ("name", "kind", "mime", "size", "sha256", "duration", "status")
    return {name: getattr(media, name) for name in names}
