"""Letting others read a recording: accounts by name, or whoever has a link. Only its owner can."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from videochat.access import repository as accounts
from videochat.access.tokens import Token, new_token
from videochat.access.user import Link, User
from videochat.errors import ConflictError, InvalidError, NotFoundError
from videochat.media import repository
from videochat.media.media import Media
from videochat.ops.actor import Actor
from videochat.store.fingerprint import new_id
from videochat.store.session import Database

log = structlog.get_logger(__name__)

MOST_GRANTS = 1000  # of one recording
MOST_LINKS = 100


class Sharing:
    """Grants and links. `changed` is told after each change, so that this process forgets what it knew of tokens."""

    def __init__(self, database: Database, changed: Callable[[], None]) -> None:
        self._database = database
        self._changed = changed

    async def readers(self, actor: Actor, media_id: str) -> list[User]:
        """Return the accounts that may read the actor's medium. Raises NotFoundError."""
        async with self._database.read() as session:
            await _own(session, actor, media_id)
            found = [await accounts.user(session, user_id) for user_id in await repository.grants(session, media_id)]
        return [user for user in found if user is not None]

    async def grant(self, actor: Actor, media_id: str, name: str) -> User:
        """Let an account read the actor's medium; to grant it again is harmless. Raises NotFoundError, InvalidError."""
        async with self._database.write() as session:
            await _own(session, actor, media_id)
            user = await accounts.user_named(session, name)
            if user is None:
                raise NotFoundError(f"There is no account {name!r}.", code="unknown_user")
            if user.id == actor.id:
                raise InvalidError("This recording is yours already.")
            if len(await repository.grants(session, media_id)) >= MOST_GRANTS:
                raise ConflictError(f"{MOST_GRANTS} accounts read this already.")
            await repository.grant(session, media_id, user.id, datetime.now(UTC))
            await accounts.tell(session)
        self._changed()
        log.info("media.granted", media=media_id, user=user.id)
        return user

    async def withdraw(self, actor: Actor, media_id: str, user_id: str) -> None:
        """Let an account read the actor's medium no longer. Raises NotFoundError."""
        async with self._database.write() as session:
            await _own(session, actor, media_id)
            gone = await repository.withdraw(session, media_id, user_id)
            await accounts.tell(session)
        self._changed()
        if not gone:
            raise NotFoundError("This account could not read it.")
        log.info("media.withdrawn", media=media_id, user=user_id)

    async def links(self, actor: Actor, media_id: str) -> list[Link]:
        """Return the links to the actor's medium that are good, newest first. Raises NotFoundError."""
        async with self._database.read() as session:
            await _own(session, actor, media_id)
            return await repository.links(session, media_id, datetime.now(UTC))

    async def add_link(self, actor: Actor, media_id: str, days: float) -> tuple[Token, Link]:
        """Make a link to the actor's medium; this is the only time that anybody sees it. Raises NotFoundError, ConflictError."""
        token, now = new_token("link"), datetime.now(UTC)
        link = Link(new_id("lnk"), media_id, token.shown, now, now + timedelta(days=days))
        async with self._database.write() as session:
            await _own(session, actor, media_id)
            if len(await repository.links(session, media_id, now)) >= MOST_LINKS:
                raise ConflictError(f"There are {MOST_LINKS} links already: revoke one first.")
            await repository.insert_link(session, link, token.hash)
        self._changed()
        log.info("link.added", media=media_id, link=link.id)
        return token, link

    async def revoke_link(self, actor: Actor, media_id: str, link_id: str) -> None:
        """Let a link be good for nothing. Raises NotFoundError."""
        async with self._database.write() as session:
            await _own(session, actor, media_id)
            gone = await repository.remove_link(session, media_id, link_id)
            await accounts.tell(session)
        self._changed()
        if not gone:
            raise NotFoundError(f"There is no link {link_id}.")
        log.info("link.revoked", media=media_id, link=link_id)


async def _own(session: AsyncSession, actor: Actor, media_id: str) -> Media:
    media = await repository.own(session, actor, media_id)
    if media is None:
        raise NotFoundError(f"There is no medium {media_id} of yours.")
    return media
