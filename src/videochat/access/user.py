"""Accounts: who somebody is, and what each role may do."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from videochat.ops.actor import PERMISSIONS, Permission

Role = Literal["admin", "member", "viewer"]

MAY: dict[Role, frozenset[Permission]] = {
    "admin": PERMISSIONS,
    "member": frozenset({"read", "ask", "write"}),
    "viewer": frozenset({"read", "ask"}),
}


@dataclass(frozen=True, slots=True)
class User:
    """An account. `subject` names it at the identity provider; without a password nobody signs in with one.

    `quotas` are its own limits, in place of those for everybody.
    """

    id: str
    name: str
    role: Role
    subject: str | None
    has_password: bool
    disabled: bool
    created_at: datetime
    quotas: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Session:
    """A browser in which somebody is signed in."""

    id: str
    user_id: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    address: str
    agent: str


@dataclass(frozen=True, slots=True)
class Key:
    """A key for programs; only its beginning is known once it was made."""

    id: str
    user_id: str
    name: str
    prefix: str
    scopes: frozenset[Permission]
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Link:
    """A link with which whoever has it reads one medium."""

    id: str
    media_id: str
    prefix: str
    created_at: datetime
    expires_at: datetime
