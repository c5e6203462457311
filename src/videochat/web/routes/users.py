"""For administrators: accounts, everybody's keys, and the book of what was done."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from videochat.errors import ConflictError
from videochat.jobs.erasure import erase
from videochat.ops.actor import Actor
from videochat.web.access_bodies import AuditOut, KeyOut, PasswordIn, UserChange, UserIn, UserOut
from videochat.web.bodies import ListOut
from videochat.web.dependencies import TheApp
from videochat.web.routes.account import key_json
from videochat.web.routes.session import user_json

router = APIRouter(tags=["access"])


@router.get("/api/users", response_model=ListOut[UserOut])
async def list_users(
    app: TheApp, cursor: str = "", limit: Annotated[int, Query(ge=1, le=200)] = 100
) -> dict[str, object]:
    """Return the accounts, by name."""
    page = await app.access.users(cursor, limit)
    return {"items": [user_json(user) for user in page.items], "next": page.next}


@router.post("/api/users", status_code=201, response_model=UserOut)
async def add_user(app: TheApp, wanted: UserIn) -> dict[str, object]:
    """Make an account."""
    if app.settings.auth.mode == "none":
        raise ConflictError("There are no accounts here: set AUTH__MODE=users.", code="no_accounts")
    return user_json(await app.access.add_user(wanted.name, wanted.role, wanted.password))


@router.get("/api/users/{user_id}", response_model=UserOut)
async def get_user(app: TheApp, user_id: str) -> dict[str, object]:
    """Return one account."""
    return user_json(await app.access.user(user_id))


@router.patch("/api/users/{user_id}", response_model=UserOut)
async def change_user(app: TheApp, user_id: str, change: UserChange) -> dict[str, object]:
    """Give an account another role or other limits, or disable it: its sessions end, its keys are good for nothing."""
    quotas = None if change.quotas is None else change.quotas.model_dump(exclude_none=True)
    return user_json(
        await app.access.change_user(user_id, role=change.role, disabled=change.disabled, quotas=quotas)
    )  # fmt: skip


@router.put("/api/users/{user_id}/password", status_code=204)
async def set_password(app: TheApp, user_id: str, given: PasswordIn) -> None:
    """Give somebody who forgot theirs another password; all their sessions end."""
    await app.access.set_password(user_id, given.password)


@router.delete("/api/users/{user_id}", status_code=204)
async def erase_user(app: TheApp, user_id: str) -> None:
    """Erase an account with all that it owns, for ever."""
    user = await app.access.user(user_id)
    await erase(Actor(user.id), app.media, app.jobs, app.answers, app.access)


@router.get("/api/ops/keys", response_model=ListOut[KeyOut])
async def list_keys(app: TheApp) -> dict[str, object]:
    """Return everybody's API keys, newest first."""
    return {"items": [key_json(key) for key in await app.access.keys(None)], "next": None}


@router.delete("/api/ops/keys/{key_id}", status_code=204)
async def revoke_key(app: TheApp, key_id: str) -> None:
    """Revoke anybody's API key, at once."""
    await app.access.revoke_key(None, key_id)


@router.get("/api/ops/audit", response_model=AuditOut)
async def audit(
    app: TheApp,
    before: Annotated[int | None, Query(ge=0, lt=2**63, description="Only entries before this one.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    actor: Annotated[str | None, Query(description="Only what this account did.")] = None,
    text: Annotated[str | None, Query(max_length=200, description="Only with this in action or target.")] = None,
) -> dict[str, object]:
    """Return who did what to accounts, rights, settings and recordings, newest first."""
    found = await app.audit.entries(before=before, limit=limit, actor=actor, text=text)
    items = [{**entry, "at": entry["at"].isoformat()} for entry in found]
    return {"items": items, "next": str(found[-1]["id"]) if len(found) == limit else None}
