"""Accounts, sessions and keys: who may come in, and as whom."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from videochat.access import repository
from videochat.access.identity import Identities
from videochat.access.passwords import Passwords
from videochat.access.provider import Vouched
from videochat.access.throttle import Throttle
from videochat.access.tokens import Token, hash_of, new_token
from videochat.access.user import Key, Role, Session, User
from videochat.errors import ConflictError, InvalidError, NotFoundError, UnauthenticatedError
from videochat.ops.actor import LOCAL, PERMISSIONS, Permission
from videochat.sections import AuthSettings
from videochat.store.fingerprint import new_id
from videochat.store.page import Page
from videochat.store.session import Database

log = structlog.get_logger(__name__)

MOST_KEYS = 100  # of one account
LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class Client:
    """From where somebody signs in."""

    address: str
    agent: str


class AccessService:
    """The use cases."""

    def __init__(self, database: Database, identities: Identities, auth: AuthSettings) -> None:
        self._database = database
        self._identities = identities
        self._auth = auth
        self._lifetime = timedelta(days=auth.session_days)
        self._passwords = Passwords()
        self._throttle = Throttle(database)
        # A burst of guesses must not pass the throttle together, before the first of them has failed.
        self._one_guess = asyncio.Lock()

    async def sign_in(self, name: str, password: str, client: Client) -> tuple[Token, User]:
        """Open a session for who knows the password.

        Raises UnauthenticatedError – the same for a wrong name, a wrong password and a disabled account – and
        TooManyError after too many failures.
        """
        async with self._database.read() as session:
            user = await repository.user_named(session, name)
            stored = await repository.password_of(session, user.id) if user and not user.disabled else None
        who = (_guessed(name), f"address:{client.address}")
        right = await self._guess(who, password, stored)
        if not right or user is None:
            raise UnauthenticatedError("The name or the password is wrong.", code="wrong_credentials")
        await self._throttle.forgive(who[0])
        return await self.open_session(user, client), user

    async def _guess(self, who: Sequence[str], password: str, stored: str | None) -> bool:
        """Say whether this is the password, and count it when it is not. Raises TooManyError."""
        async with self._one_guess:
            await self._throttle.check(who)
            right = await self._passwords.fits(password, stored)
            if not right:
                await self._throttle.fail(who)
            return right

    async def open_session(self, user: User, client: Client) -> Token:
        """Open a session for who has shown who they are."""
        token, now = new_token("session"), datetime.now(UTC)
        opened = Session(
            token.hash, user.id, now, now, now + self._lifetime, client.address[:LONGEST_NAME], client.agent[:200]
        )
        async with self._database.write() as session:
            await repository.insert_session(session, opened)
        log.info("session.opened", user=user.id)
        return token

    async def sign_out(self, user_id: str, session_id: str) -> None:
        """End a session. Raises NotFoundError."""
        async with self._database.write() as session:
            ended = await repository.end_sessions(session, user_id, only=session_id)
        self._identities.forget()
        if not ended:
            raise NotFoundError("There is no such session.")

    async def sessions(self, user_id: str) -> list[Session]:
        """Return where somebody is signed in, the latest used first."""
        async with self._database.read() as session:
            return await repository.sessions(session, user_id, datetime.now(UTC))

    async def user_of(self, vouched: Vouched) -> User:
        """Return the account of whom an identity provider vouches for; it is made when they come first.

        Raises UnauthenticatedError for a disabled account.
        """
        subject = hash_of(vouched.subject)
        role: Role = "admin" if vouched.email in self._auth.oidc_admins else self._auth.oidc_role
        async with self._database.read() as session:
            known = await repository.user_with_subject(session, subject)
        if known is None:
            try:
                return await self.add_user(vouched.name, role, subject=subject)
            except ConflictError:  # somebody else has this name, who may not be the same person
                return await self.add_user(f"{vouched.name} {subject[:6]}", role, subject=subject)
        if known.disabled:
            raise UnauthenticatedError("This account is disabled.", code="account_disabled")
        if role == "admin" != known.role:
            return await self.change_user(known.id, role=role)
        return known

    async def add_user(
        self, name: str, role: Role, password: str | None = None, subject: str | None = None
    ) -> User:  # fmt: skip
        """Make an account; of whom an identity provider vouches for, with the hash of their subject there.

        The first one administers and is the local user's, with everything that is there already – but not whoever is the
        first that a provider sends: then it is the first administrator. Raises InvalidError, ConflictError.
        """
        name = _clean(name)
        hashed = None if password is None else await self._passwords.hashed(password)
        async with self._database.write() as session:
            if subject is None and not await repository.any_user(session):
                role = "admin"
            inherits = role == "admin" and await repository.user(session, LOCAL.id) is None
            user = User(
                LOCAL.id if inherits else new_id("usr"), name, role, subject, hashed is not None, False, datetime.now(UTC)
            )  # fmt: skip
            if not await repository.insert_user(session, user, hashed):
                raise ConflictError(f"There is an account {name} already.", code="name_taken")
            await repository.tell(session)
        self._identities.forget()
        log.info("user.added", user=user.id, role=user.role)
        return user

    async def user(self, user_id: str) -> User:
        """Return an account. Raises NotFoundError."""
        async with self._database.read() as session:
            return _found(await repository.user(session, user_id))

    async def user_named(self, name: str) -> User:
        """Return the account with this name. Raises NotFoundError."""
        async with self._database.read() as session:
            return _found(await repository.user_named(session, name))

    async def users(self, after: str = "", limit: int = 100) -> Page[User]:
        """Return accounts by name; the cursor is a name."""
        async with self._database.read() as session:
            found = await repository.users(session, after, limit + 1)
        return Page.of(found, limit, lambda user: user.name)

    async def change_user(
        self,
        user_id: str,
        *,
        role: Role | None = None,
        disabled: bool | None = None,
        quotas: dict[str, Any] | None = None,
    ) -> User:
        """Change what is given. Raises NotFoundError, and ConflictError for the last administrator."""
        values = {"role": role, "disabled": disabled, "quotas": quotas}
        changed = {name: value for name, value in values.items() if value is not None}
        async with self._database.write() as session:
            before = _found(await repository.user(session, user_id))
            if before.role == "admin" and (disabled or role not in {None, "admin"}):
                await _require_other_admin(session, user_id)
            if changed:
                await repository.change_user(session, user_id, **changed)
            if disabled:
                await repository.end_sessions(session, user_id)
            after = _found(await repository.user(session, user_id))
        self._identities.forget()
        log.info("user.changed", user=user_id, **{name: str(value) for name, value in changed.items()})
        return after

    async def change_password(self, user_id: str, old: str, new: str, keep_session: str | None, client: Client) -> None:
        """Let somebody have another password; their other sessions end. Raises UnauthenticatedError, TooManyError, InvalidError."""
        async with self._database.read() as session:
            stored = await repository.password_of(session, user_id)
        if not await self._guess((_guessed(user_id), f"address:{client.address}"), old, stored):
            raise UnauthenticatedError("The old password is wrong.", code="wrong_credentials")
        await self.set_password(user_id, new, keep_session)

    async def set_password(self, user_id: str, password: str, keep_session: str | None = None) -> None:
        """Give somebody another password and end their sessions, but one. Raises NotFoundError, InvalidError."""
        hashed = await self._passwords.hashed(password)
        async with self._database.write() as session:
            _found(await repository.user(session, user_id))
            await repository.change_user(session, user_id, password=hashed)
            await repository.end_sessions(session, user_id, but=keep_session)
        self._identities.forget()
        log.info("user.password_changed", user=user_id)

    async def remove_user(self, user_id: str) -> None:
        """Forget an account; what it owns must be gone before. Raises NotFoundError, and ConflictError for the last administrator."""
        async with self._database.write() as session:
            user = _found(await repository.user(session, user_id))
            if user.role == "admin":
                await _require_other_admin(session, user_id)
            await repository.remove_user(session, user_id)
            for who in (_guessed(user.name), _guessed(user_id)):
                await repository.forgive(session, who)
        self._identities.forget()
        log.info("user.removed", user=user_id)

    async def add_key(
        self, user_id: str, name: str, scopes: Collection[Permission] = PERMISSIONS, days: float | None = None
    ) -> tuple[Token, Key]:
        """Make a key for programs; this is the only time that anybody sees it. Raises InvalidError, ConflictError."""
        token, now = new_token("key"), datetime.now(UTC)
        expires_at = None if days is None else now + timedelta(days=days)
        key = Key(new_id("key"), user_id, _clean(name), token.shown, frozenset(scopes), now, expires_at, None)
        if not key.scopes:
            raise InvalidError("A key needs at least one scope: read, ask, write or operate.")
        async with self._database.write() as session:
            if len(await repository.keys(session, user_id)) >= MOST_KEYS:
                raise ConflictError(f"There are {MOST_KEYS} keys already: revoke one first.", code="too_many_keys")
            await repository.insert_key(session, key, token.hash)
        self._identities.forget()
        log.info("key.added", key_id=key.id, user=user_id)
        return token, key

    async def keys(self, user_id: str | None) -> list[Key]:
        """Return the keys of somebody (None: of everybody), newest first."""
        async with self._database.read() as session:
            return await repository.keys(session, user_id)

    async def revoke_key(self, user_id: str | None, key_id: str) -> None:
        """Let a key of somebody (None: of anybody) be good for nothing. Raises NotFoundError."""
        async with self._database.write() as session:
            gone = await repository.remove_key(session, key_id, user_id)
        self._identities.forget()
        if not gone:
            raise NotFoundError(f"There is no key {key_id}.")
        log.info("key.revoked", key_id=key_id)


def _guessed(name: str) -> str:
    """Return under what failures are counted of who tries this name, or signed in, this id."""
    return f"name:{name.casefold()[:LONGEST_NAME]}"


def _clean(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise InvalidError(f"A name has 1 to {LONGEST_NAME} characters that can be seen.")
    return name


def _found(user: User | None) -> User:
    if user is None:
        raise NotFoundError("There is no such account.")
    return user


async def _require_other_admin(session: Any, user_id: str) -> None:
    if not await repository.other_admins(session, user_id):
        raise ConflictError("This is the last administrator: make somebody else one first.", code="last_admin")
