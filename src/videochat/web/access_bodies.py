"""The shapes of the API's JSON about accounts, keys and sharing."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from videochat.ops.actor import Permission
from videochat.web.bodies import Body

Role = Literal["admin", "member", "viewer"]
Name = Field(min_length=1, max_length=80)
Password = Field(min_length=1, max_length=200)


class Quota(Body):
    storage_bytes: int | None = Field(None, ge=0)
    audio_minutes: float | None = Field(None, ge=0)
    tokens: int | None = Field(None, ge=0)


class UserOut(Body):
    id: str
    name: str
    role: Role
    disabled: bool
    has_password: bool = Field(description="False for who comes through an identity provider only.")
    created_at: str
    quotas: Quota = Field(description="Limits of this account in place of those for everybody.")


class SessionOut(Body):
    """Who asks, and how one can sign in here."""

    mode: Literal["none", "keys", "users", "oidc"]
    ready: bool = Field(description="False while there is no account with which one could sign in.")
    kind: Literal["local", "session", "key", "link"] | None = Field(description="By what; null for a stranger.")
    user: UserOut | None
    permissions: list[Permission]
    media: list[str] = Field(description="Recordings that a link lends.")


class SignIn(Body):
    name: str | None = Field(None, max_length=80)
    password: str | None = Field(None, max_length=200)
    key: str | None = Field(None, max_length=100, description="An API key, in place of name and password.")


class LinkIn(Body):
    token: str = Field(max_length=100)


class LentOut(Body):
    media_id: str


class PasswordChange(Body):
    old: str = Password
    new: str = Password


class PasswordIn(Body):
    password: str = Password


class UsageOut(Body):
    month: str = Field(description="The month (UTC) of which minutes and tokens are counted.")
    storage_bytes: int
    audio_minutes: float
    tokens: int
    limits: dict[str, float | None] = Field(description="The most that may be used of each; null: no limit.")


class AccountOut(Body):
    user: UserOut | None = Field(description="null without accounts.")
    usage: UsageOut


class OpenSessionOut(Body):
    id: str
    current: bool
    created_at: str
    seen_at: str
    expires_at: str
    address: str
    agent: str


class KeyIn(Body):
    name: str = Name
    scopes: list[Permission] = Field(min_length=1, description="What it may do, of what its owner may.")
    days: float | None = Field(None, gt=0, le=3660, description="For how long it is good; null: until it is revoked.")


class KeyOut(Body):
    id: str
    user_id: str
    name: str
    prefix: str = Field(description="How the key begins.")
    scopes: list[Permission]
    created_at: str
    expires_at: str | None
    used_at: str | None = Field(description="About when it was used last.")


class NewKeyOut(KeyOut):
    key: str = Field(description="The key; it is shown this once.")


class UserIn(Body):
    name: str = Name
    password: str = Password
    role: Role = "member"


class UserChange(Body):
    role: Role | None = None
    disabled: bool | None = None
    quotas: Quota | None = Field(None, description="Limits of this account in place of those for everybody.")


class GrantIn(Body):
    name: str = Field(min_length=1, max_length=80, description="Name of the account that may read the recording.")


class ReaderOut(Body):
    id: str
    name: str


class LinkMake(Body):
    days: float = Field(7, gt=0, le=3660, description="For how long it is good.")


class LinkOut(Body):
    id: str
    prefix: str
    created_at: str
    expires_at: str


class NewLinkOut(LinkOut):
    path: str = Field(description="What follows the service's address; it is shown this once.")


class AuditEntryOut(Body):
    id: int
    at: str
    actor: str = Field(description="Id of the account, `link:…` or `stranger`.")
    action: str
    target: str
    outcome: str = Field(description="Status of the answer.")
    address: str
    request_id: str | None


class AuditOut(Body):
    items: list[AuditEntryOut]
    next: str | None = Field(description="Pass it as `before` for older entries; null when there are none.")
