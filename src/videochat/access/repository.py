"""The queries of accounts, sessions, keys and what was used up: the only file of this stage that touches the tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, Select, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from videochat.access.user import Key, Role, Session, User
from videochat.store import events
from videochat.store.access_tables import AttemptRow, AuditRow, GrantRow, KeyRow, LinkRow, SessionRow, UsageRow, UserRow
from videochat.store.overrides import NOBODY
from videochat.store.tables import EventRow, MediaRow, ShareRow
from videochat.store.upsert import upsert

STREAM = "access"  # on which every process hears that what it knows of tokens may have changed


async def tell(session: AsyncSession) -> None:
    """Let every process forget whom it took a token for, once the caller's transaction is committed."""
    await events.append(session, STREAM, "access", {}, owner=NOBODY)


async def insert_user(session: AsyncSession, user: User, password: str | None) -> bool:
    """Store a new account; False when the name is taken."""
    values: dict[str, Any] = {
        "id": user.id, "name": user.name, "handle": user.name.casefold(), "role": user.role, "password": password,
        "subject": user.subject, "disabled": user.disabled, "quotas": {}, "created_at": user.created_at,
    }  # fmt: skip
    statement = upsert(session, UserRow).values(values).on_conflict_do_nothing()
    return await session.scalar(statement.returning(UserRow.id)) is not None


async def user(session: AsyncSession, user_id: str) -> User | None:
    return await _user(session, select(UserRow).where(UserRow.id == user_id))


async def user_named(session: AsyncSession, name: str) -> User | None:
    return await _user(session, select(UserRow).where(UserRow.handle == name.casefold()))


async def user_with_subject(session: AsyncSession, subject: str) -> User | None:
    return await _user(session, select(UserRow).where(UserRow.subject == subject))


async def users(session: AsyncSession, after: str, limit: int) -> list[User]:
    """Return accounts in the order of their names, from after a name."""
    query = select(UserRow).where(UserRow.handle > after.casefold()).order_by(UserRow.handle).limit(limit)
    return [_account(row) for row in await session.scalars(query)]


async def any_user(session: AsyncSession) -> bool:
    return await session.scalar(select(UserRow.id).limit(1)) is not None


async def other_admins(session: AsyncSession, user_id: str) -> int:
    """Count the administrators beside this one who can act, and keep others from changing that until the commit."""
    query = select(UserRow.id).where(UserRow.role == "admin", UserRow.disabled.is_(False)).order_by(UserRow.id)
    return len([found for found in await session.scalars(query.with_for_update()) if found != user_id])


async def change_user(session: AsyncSession, user_id: str, **values: Any) -> None:
    await session.execute(update(UserRow).where(UserRow.id == user_id).values(**values))
    await tell(session)


async def remove_user(session: AsyncSession, user_id: str) -> None:
    """Forget the account with its sessions, keys, events and what it was lent; its recordings must be gone before."""
    for table in (EventRow, ShareRow):
        await session.execute(delete(table).where(table.owner == user_id))
    await session.execute(delete(KeyRow).where(KeyRow.user_id == user_id))
    await session.execute(delete(UsageRow).where(UsageRow.user_id == user_id))
    await session.execute(delete(UserRow).where(UserRow.id == user_id))
    await tell(session)


async def password_of(session: AsyncSession, user_id: str) -> str | None:
    return await session.scalar(select(UserRow.password).where(UserRow.id == user_id))


async def insert_session(session: AsyncSession, opened: Session) -> None:
    session.add(SessionRow(**asdict(opened)))
    await session.flush()


async def signed_in(session: AsyncSession, session_id: str, now: datetime) -> tuple[Session, User] | None:
    query = (
        select(SessionRow, UserRow)
        .join(UserRow, UserRow.id == SessionRow.user_id)
        .where(SessionRow.id == session_id, SessionRow.expires_at > now, UserRow.disabled.is_(False))
    )
    row = (await session.execute(query)).first()
    return None if row is None else (_session(row[0]), _account(row[1]))


async def sessions(session: AsyncSession, user_id: str, now: datetime) -> list[Session]:
    query = select(SessionRow).where(SessionRow.user_id == user_id, SessionRow.expires_at > now)
    return [_session(row) for row in await session.scalars(query.order_by(SessionRow.seen_at.desc()))]


async def see_session(session: AsyncSession, session_id: str, now: datetime, expires_at: datetime) -> None:
    await session.execute(
        update(SessionRow).where(SessionRow.id == session_id).values(seen_at=now, expires_at=expires_at)
    )


async def end_sessions(session: AsyncSession, user_id: str, *, only: str | None = None, but: str | None = None) -> int:
    """End the sessions of somebody – one, or all but one, or all – and say how many."""
    query = delete(SessionRow).where(SessionRow.user_id == user_id)
    if only is not None:
        query = query.where(SessionRow.id == only)
    if but is not None:
        query = query.where(SessionRow.id != but)
    ended = cast("CursorResult[Any]", await session.execute(query)).rowcount
    await tell(session)
    return ended


async def insert_key(session: AsyncSession, key: Key, key_hash: str) -> None:
    session.add(KeyRow(**{**asdict(key), "scopes": sorted(key.scopes)}, hash=key_hash))
    await session.flush()


async def key_with(session: AsyncSession, key_hash: str, now: datetime) -> tuple[Key, User | None] | None:
    """Return the key that is good now, and whose it is, if that is an account; None also when the account is disabled."""
    query = (
        select(KeyRow, UserRow).outerjoin(UserRow, UserRow.id == KeyRow.user_id).where(KeyRow.hash == key_hash)
    )  # fmt: skip
    row = (await session.execute(query)).first()
    if row is None or (row[0].expires_at is not None and row[0].expires_at <= now):
        return None
    if row[1] is not None and row[1].disabled:
        return None
    return _key(row[0]), None if row[1] is None else _account(row[1])


async def keys(session: AsyncSession, user_id: str | None) -> list[Key]:
    """Return the keys of somebody (None: of everybody), newest first."""
    query = select(KeyRow).order_by(KeyRow.created_at.desc(), KeyRow.id)
    if user_id is not None:
        query = query.where(KeyRow.user_id == user_id)
    return [_key(row) for row in await session.scalars(query.limit(1000))]


async def use_key(session: AsyncSession, key_id: str, now: datetime) -> None:
    await session.execute(update(KeyRow).where(KeyRow.id == key_id).values(used_at=now))


async def remove_key(session: AsyncSession, key_id: str, user_id: str | None) -> bool:
    """Revoke a key of somebody (None: of anybody), and say whether there was one."""
    query = delete(KeyRow).where(KeyRow.id == key_id)
    if user_id is not None:
        query = query.where(KeyRow.user_id == user_id)
    gone = cast("CursorResult[Any]", await session.execute(query)).rowcount == 1
    await tell(session)
    return gone


async def sharers(session: AsyncSession, user_id: str) -> frozenset[str]:
    """Return the owners who let somebody read something."""
    query = select(MediaRow.owner).join(GrantRow, GrantRow.media_id == MediaRow.id).where(GrantRow.user_id == user_id)
    return frozenset(await session.scalars(query.distinct()))


async def lent_with(session: AsyncSession, link_hash: str, now: datetime) -> tuple[str, str, datetime] | None:
    """Return the link's id, its medium and until when it is good."""
    columns = (LinkRow.id, LinkRow.media_id, LinkRow.expires_at)
    row = (await session.execute(select(*columns).where(LinkRow.hash == link_hash, LinkRow.expires_at > now))).first()
    return None if row is None else (row[0], row[1], row[2])


async def attempts(session: AsyncSession, who: Sequence[str], since: datetime) -> list[tuple[int, datetime]]:
    """Return how often each of these failed since then, and from when on it counts."""
    query = select(AttemptRow.failures, AttemptRow.since).where(AttemptRow.who.in_(who), AttemptRow.since > since)
    return [(failures, first) for failures, first in await session.execute(query)]


async def fail(session: AsyncSession, who: str, now: datetime, since: datetime) -> None:
    """Count a failure; those from before `since` are forgotten first, so that this one is the first of a new series."""
    await session.execute(delete(AttemptRow).where(AttemptRow.since <= since))
    statement = upsert(session, AttemptRow).values(who=who, failures=1, since=now)
    await session.execute(
        statement.on_conflict_do_update(index_elements=["who"], set_={"failures": AttemptRow.failures + 1})
    )


async def forgive(session: AsyncSession, who: str) -> None:
    await session.execute(delete(AttemptRow).where(AttemptRow.who == who))


async def insert_audit(session: AsyncSession, **values: Any) -> None:
    session.add(AuditRow(**values))
    await session.flush()


async def audit(
    session: AsyncSession, before: int | None, limit: int, actor: str | None, text: str | None
) -> list[dict[str, Any]]:
    """Return what was done, newest first."""
    query = select(*AuditRow.__table__.columns).order_by(AuditRow.id.desc()).limit(limit)
    if before is not None:
        query = query.where(AuditRow.id < before)
    if actor is not None:
        query = query.where(AuditRow.actor == actor)
    if text is not None:
        found = (AuditRow.action.contains(text, autoescape=True), AuditRow.target.contains(text, autoescape=True))
        query = query.where(found[0] | found[1])
    return [dict(row) for row in (await session.execute(query)).mappings()]


async def forget_before(session: AsyncSession, now: datetime, audited: datetime, failed: datetime) -> int:
    """Remove what has run out, what was done before `audited` and failures of before `failed`; return how much that was."""
    gone = (
        delete(SessionRow).where(SessionRow.expires_at <= now),
        delete(LinkRow).where(LinkRow.expires_at <= now),
        delete(AuditRow).where(AuditRow.at < audited),
        delete(AttemptRow).where(AttemptRow.since <= failed),
    )
    return sum([cast("CursorResult[Any]", await session.execute(each)).rowcount for each in gone])


async def stored_bytes(session: AsyncSession, owner: str) -> int:
    return int(await session.scalar(select(func.sum(MediaRow.size)).where(MediaRow.owner == owner)) or 0)


async def used(session: AsyncSession, user_id: str, month: str) -> tuple[float, int]:
    """Return the seconds of recordings and the tokens that somebody used in the month."""
    row = await session.get(UsageRow, (user_id, month))
    return (0.0, 0) if row is None else (row.audio_seconds, row.tokens)


async def use(session: AsyncSession, user_id: str, month: str, *, audio_seconds: float = 0.0, tokens: int = 0) -> None:
    """Count what somebody used."""
    values = {"user_id": user_id, "month": month, "audio_seconds": audio_seconds, "tokens": tokens}
    added = {"audio_seconds": UsageRow.audio_seconds + audio_seconds, "tokens": UsageRow.tokens + tokens}
    statement = upsert(session, UsageRow).values(values)
    await session.execute(statement.on_conflict_do_update(index_elements=["user_id", "month"], set_=added))


async def quotas_of(session: AsyncSession, user_id: str) -> dict[str, Any]:
    return await session.scalar(select(UserRow.quotas).where(UserRow.id == user_id)) or {}


async def _user(session: AsyncSession, query: Select[UserRow]) -> User | None:
    row = await session.scalar(query)
    return None if row is None else _account(row)


def _account(row: UserRow) -> User:
    return User(
        id=row.id, name=row.name, role=cast("Role", row.role), subject=row.subject,
        has_password=row.password is not None, disabled=row.disabled, created_at=row.created_at,
        quotas=dict(row.quotas or {}),
    )  # fmt: skip


def _session(row: SessionRow) -> Session:
    return Session(row.id, row.user_id, row.created_at, row.seen_at, row.expires_at, row.address, row.agent)


def _key(row: KeyRow) -> Key:
    return Key(
        row.id, row.user_id, row.name, row.prefix, frozenset(row.scopes), row.created_at, row.expires_at, row.used_at
    )
