"""Coming in and going out."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter, Request, Response

from videochat.access.identity import Identity
from videochat.access.service import Client
from videochat.access.tokens import kind_of
from videochat.access.user import User
from videochat.app import App
from videochat.errors import ConflictError, InvalidError, NotFoundError, UnauthenticatedError
from videochat.web.access_bodies import LentOut, LinkIn, Quota, SessionOut, SignIn, UserOut
from videochat.web.dependencies import TheApp, TheIdentity
from videochat.web.gate import ENTERED, LINK_COOKIE, SESSION_COOKIE

router = APIRouter(prefix="/api/session", tags=["access"])


@router.get("", response_model=SessionOut)
async def who_am_i(app: TheApp, identity: TheIdentity) -> dict[str, object]:
    """Say who asks, and how one can sign in here."""
    return await _session_json(app, identity)


@router.post("", response_model=SessionOut)
async def sign_in(app: TheApp, request: Request, response: Response, given: SignIn) -> dict[str, object]:
    """Sign in with name and password, or with an API key, for a page: what comes back is a cookie."""
    mode = app.settings.auth.mode
    if given.key is not None and mode != "none":
        token = given.key
    elif mode == "users" and given.name is not None and given.password is not None:
        opened, _ = await app.access.sign_in(given.name, given.password, client_of(request))
        token = opened.text
    elif mode == "users":
        raise InvalidError("Send `name` and `password`, or `key`.")
    else:
        raise ConflictError(f"Nobody signs in with a password here (AUTH__MODE={mode}).", code="no_passwords")
    identity = await app.identities.of(token)
    if identity is None or identity.kind == "link":
        raise UnauthenticatedError("This API key is unknown, has run out or was revoked.", code="bad_key")
    request.scope[ENTERED] = identity.actor.id
    keep(response, request, app, SESSION_COOKIE, token)
    return await _session_json(app, identity)


@router.post("/link", response_model=LentOut)
async def open_link(app: TheApp, request: Request, response: Response, given: LinkIn) -> dict[str, object]:
    """Come in with a link to a recording: what comes back is a cookie with which it can be read."""
    identity = await app.identities.of(given.token) if kind_of(given.token) == "link" else None
    if identity is None or app.settings.auth.mode == "none":
        raise NotFoundError("This link is unknown, has run out or was revoked.", code="bad_link")
    request.scope[ENTERED] = identity.actor.id
    keep(response, request, app, LINK_COOKIE, given.token)
    (media_id,) = identity.actor.lent
    return {"media_id": media_id}


@router.delete("", status_code=204)
async def sign_out(app: TheApp, identity: TheIdentity, response: Response) -> None:
    """End this session, and forget a link that was opened."""
    if identity is not None and identity.kind == "session":
        await app.access.sign_out(identity.actor.id, identity.credential)
    for cookie in (SESSION_COOKIE, LINK_COOKIE):
        response.delete_cookie(cookie, path="/")


def keep(response: Response, request: Request, app: App, cookie: str, token: str, seconds: int | None = None) -> None:
    """Let the browser keep a token where no script finds it, as long as a session lasts unless it says otherwise."""
    public = app.settings.server.public_url or ""
    response.set_cookie(
        cookie,
        token,
        max_age=seconds or int(timedelta(days=app.settings.auth.session_days).total_seconds()),
        path="/",
        secure=public.startswith("https:") or request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )


def client_of(request: Request) -> Client:
    return Client(request.client.host if request.client else "", request.headers.get("user-agent", ""))


async def _session_json(app: App, identity: Identity | None) -> dict[str, object]:
    mode = app.settings.auth.mode
    user = await account_of(app, identity)
    return {
        "mode": mode,
        "ready": mode != "users" or user is not None or bool((await app.access.users(limit=1)).items),
        "kind": None if identity is None else identity.kind or "local",
        "user": None if user is None else user_json(user),
        "permissions": sorted(identity.actor.permissions) if identity else [],
        "media": sorted(identity.actor.lent) if identity else [],
    }


async def account_of(app: App, identity: Identity | None) -> User | None:
    """Return the account of who asks, None where there is none."""
    if identity is None or identity.kind not in {"session", "key"}:
        return None
    try:
        return await app.access.user(identity.actor.id)
    except NotFoundError:  # a key without an account
        return None


def user_json(user: User) -> dict[str, object]:
    return UserOut(
        id=user.id,
        name=user.name,
        role=user.role,
        disabled=user.disabled,
        has_password=user.has_password,
        created_at=user.created_at.isoformat(),
        quotas=Quota.model_validate(user.quotas),
    ).model_dump()
