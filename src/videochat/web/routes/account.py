"""One's own account: password, sessions, keys, and what one used."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from videochat.access.identity import Identity
from videochat.access.user import Key
from videochat.errors import ConflictError, DeniedError
from videochat.jobs.erasure import erase
from videochat.web.access_bodies import (
    AccountOut,
    KeyIn,
    KeyOut,
    NewKeyOut,
    OpenSessionOut,
    PasswordChange,
)
from videochat.web.bodies import ListOut
from videochat.web.dependencies import TheApp, TheKnown
from videochat.web.gate import SESSION_COOKIE
from videochat.web.openapi import BINARY
from videochat.web.routes.session import account_of, client_of, user_json

router = APIRouter(prefix="/api/account", tags=["access"])


@router.get("", response_model=AccountOut)
async def get_account(app: TheApp, identity: TheKnown) -> dict[str, object]:
    """Return one's account, what one keeps, and what one used this month."""
    user = await account_of(app, identity)
    usage = asdict(await app.quotas.usage(identity.actor))
    return {"user": user and user_json(user), "usage": usage}


@router.delete("", status_code=204)
async def erase_account(app: TheApp, identity: TheKnown, response: Response) -> None:
    """Erase one's account with all recordings, transcripts, questions and answers, sessions and keys, for ever."""
    _require_account(identity)
    await erase(identity.actor, app.media, app.jobs, app.answers, app.access)
    response.delete_cookie(SESSION_COOKIE, path="/")


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses={200: {"description": "A zip file.", "content": {"application/zip": BINARY}}},
)
async def export_account(app: TheApp, identity: TheKnown) -> StreamingResponse:
    """Return all that one owns in one zip file: recordings, transcripts, questions and answers."""
    headers = {"Content-Disposition": 'attachment; filename="videochat.zip"'}
    return StreamingResponse(app.takeout().of(identity.actor), media_type="application/zip", headers=headers)


@router.put("/password", status_code=204)
async def change_password(app: TheApp, identity: TheKnown, request: Request, change: PasswordChange) -> None:
    """Have another password; all other sessions end."""
    _require_account(identity)
    await app.access.change_password(
        identity.actor.id, change.old, change.new, identity.credential, client_of(request)
    )  # fmt: skip


@router.get("/sessions", response_model=ListOut[OpenSessionOut])
async def list_sessions(app: TheApp, identity: TheKnown) -> dict[str, object]:
    """Return where one is signed in."""
    found = await app.access.sessions(identity.actor.id)
    items = [
        {
            "id": one.id,
            "current": one.id == identity.credential,
            "created_at": one.created_at.isoformat(),
            "seen_at": one.seen_at.isoformat(),
            "expires_at": one.expires_at.isoformat(),
            "address": one.address,
            "agent": one.agent,
        }
        for one in found
    ]
    return {"items": items, "next": None}


@router.delete("/sessions/{session_id}", status_code=204)
async def end_session(app: TheApp, identity: TheKnown, session_id: str) -> None:
    """Sign out somewhere else."""
    await app.access.sign_out(identity.actor.id, session_id)


@router.get("/keys", response_model=ListOut[KeyOut])
async def list_keys(app: TheApp, identity: TheKnown) -> dict[str, object]:
    """Return one's API keys, newest first."""
    return {"items": [key_json(key) for key in await app.access.keys(identity.actor.id)], "next": None}


@router.post("/keys", status_code=201, response_model=NewKeyOut)
async def make_key(app: TheApp, identity: TheKnown, wanted: KeyIn) -> dict[str, object]:
    """Make an API key, for programs: they send it as `Authorization: Bearer …`."""
    _require_account(identity)
    if beyond := {*wanted.scopes} - identity.actor.permissions:
        raise DeniedError(f"You may not {' or '.join(sorted(beyond))} yourself.", code="not_permitted")
    token, key = await app.access.add_key(identity.actor.id, wanted.name, wanted.scopes, wanted.days)
    return {**key_json(key), "key": token.text}


@router.delete("/keys/{key_id}", status_code=204)
async def revoke_key(app: TheApp, identity: TheKnown, key_id: str) -> None:
    """Revoke one of one's API keys, at once."""
    await app.access.revoke_key(identity.actor.id, key_id)


def _require_account(identity: Identity) -> None:
    if identity.kind is None:
        raise ConflictError("There are no accounts here: set AUTH__MODE=users.", code="no_accounts")


def key_json(key: Key) -> dict[str, Any]:
    return {
        "id": key.id,
        "user_id": key.user_id,
        "name": key.name,
        "prefix": key.prefix,
        "scopes": sorted(key.scopes),
        "created_at": key.created_at.isoformat(),
        "expires_at": key.expires_at and key.expires_at.isoformat(),
        "used_at": key.used_at and key.used_at.isoformat(),
    }
