"""Whom a token stands for: looked up once in a while, and anew as soon as anything about access changes."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from videochat.access import repository
from videochat.access.tokens import Kind, hash_of, kind_of
from videochat.access.user import MAY
from videochat.ops.actor import LOCAL, PERMISSIONS, Actor, Permission
from videochat.ops.keeping import keep
from videochat.ops.tasks import cancelled
from videochat.store.feed import EventFeed, within
from videochat.store.session import Database

MOST = 10_000  # remembered at a time; a stranger's guesses must not fill the memory
REMEMBERED_SECONDS = 30.0
NEWS_SECONDS = 60.0
SEEN_EVERY = timedelta(minutes=10)  # a session or a key is noted as used at most so often


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks, and by which session, key or link (`credential` is its id)."""

    actor: Actor
    kind: Kind | None
    credential: str
    expires_at: datetime | None = None


AT_HOME = Identity(LOCAL, None, "")


class Identities:
    """Answers for this process whom tokens stand for."""

    def __init__(self, database: Database, feed: EventFeed, session_days: float) -> None:
        self._database = database
        self._feed = feed
        self._lifetime = timedelta(days=session_days)
        self._known: OrderedDict[str, tuple[float, Identity | None]] = OrderedDict()
        self._changed: set[asyncio.Event] = set()
        self._generation = 0
        self._loop: asyncio.Task[None] | None = None

    async def of(self, token: str) -> Identity | None:
        """Return whom the token stands for; None when it is none, or not any more."""
        if (kind := kind_of(token)) is None:
            return None
        if self._loop is None:  # from the first token on: without accounts nobody needs it
            self._loop = keep("identities", self._listen)
        key = hash_of(token)
        until, identity = self._known.get(key, (0.0, None))
        if until < time.monotonic():
            generation = self._generation
            identity = await self._look_up(kind, key)
            if generation == self._generation:  # else what was read may be old already
                self._remember(key, identity)
        if identity is not None and identity.expires_at is not None and identity.expires_at <= datetime.now(UTC):
            return None
        return identity

    def forget(self) -> None:
        """Look everybody up anew: something about access has changed."""
        self._generation += 1
        self._known.clear()
        for event in self._changed:
            event.set()

    @contextmanager
    def changes(self) -> Iterator[asyncio.Event]:
        """Give an event that is set when something about access has changed."""
        event = asyncio.Event()
        self._changed.add(event)
        try:
            yield event
        finally:
            self._changed.discard(event)

    async def close(self) -> None:
        if self._loop is not None:
            await cancelled(self._loop)

    def _remember(self, key: str, identity: Identity | None) -> None:
        self._known[key] = (time.monotonic() + REMEMBERED_SECONDS, identity)
        self._known.move_to_end(key)
        while len(self._known) > MOST:
            self._known.popitem(last=False)

    async def _listen(self) -> None:
        with self._feed.news(repository.STREAM) as news:
            while True:
                if await within(news, NEWS_SECONDS):
                    news.clear()
                    self.forget()

    async def _look_up(self, kind: Kind, key: str) -> Identity | None:
        now = datetime.now(UTC)
        async with self._database.read() as session:
            match kind:
                case "session":
                    found, seen_at = await _by_session(session, key, now)
                case "key":
                    found, seen_at = await _by_key(session, key, now)
                case "link":
                    return await _by_link(session, key, now)
        if found is not None and (seen_at is None or seen_at < now - SEEN_EVERY):
            await self._note_use(found, now)
        return found

    async def _note_use(self, found: Identity, now: datetime) -> None:
        async with self._database.write() as session:
            if found.kind == "session":
                await repository.see_session(session, found.credential, now, now + self._lifetime)
            else:
                await repository.use_key(session, found.credential, now)


Found = tuple[Identity | None, datetime | None]


async def _by_session(session: AsyncSession, key: str, now: datetime) -> Found:
    found = await repository.signed_in(session, key, now)
    if found is None:
        return None, None
    opened, user = found
    actor = Actor(user.id, MAY[user.role], sharers=await repository.sharers(session, user.id))
    return Identity(actor, "session", opened.id, opened.expires_at), opened.seen_at


async def _by_key(session: AsyncSession, key: str, now: datetime) -> Found:
    found = await repository.key_with(session, key, now)
    if found is None:
        return None, None
    made, user = found
    if user is None and made.user_id != LOCAL.id:
        return None, None
    may: frozenset[Permission] = PERMISSIONS if user is None else MAY[user.role]
    actor = Actor(made.user_id, may & made.scopes, sharers=await repository.sharers(session, made.user_id))
    return Identity(actor, "key", made.id, made.expires_at), made.used_at


async def _by_link(session: AsyncSession, key: str, now: datetime) -> Identity | None:
    found = await repository.lent_with(session, key, now)
    if found is None:
        return None
    link, media, expires_at = found
    actor = Actor(f"link:{link}", frozenset({"read"}), frozenset({media}))
    return Identity(actor, "link", link, expires_at)
