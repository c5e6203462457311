"""Signing in through an identity provider: the browser goes there and comes back."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse

from videochat.access.provider import Errand, IdentityProvider
from videochat.app import App
from videochat.errors import ConfigurationError, ConflictError, UnauthenticatedError, VideoChatError
from videochat.web.dependencies import TheApp
from videochat.web.gate import ENTERED, REFUSED, SESSION_COOKIE
from videochat.web.problems import status_of
from videochat.web.routes.session import client_of, keep

router = APIRouter(prefix="/api/session/oidc", tags=["access"])

COOKIE = "videochat_errand"
ERRAND_SECONDS = 600


@router.get("", status_code=303, response_class=RedirectResponse)
async def send(
    app: TheApp,
    request: Request,
    following: Annotated[
        str, Query(alias="next", max_length=500, description="Where to go in the page afterwards.")
    ] = "/",
) -> RedirectResponse:
    """Send the browser to the identity provider."""
    errand = await _provider(app).send(_back_to(app))
    answer = RedirectResponse(errand.url, 303)
    sealed = app.errands.seal(json.dumps({"errand": asdict(errand), "next": _inside(following)}))
    keep(answer, request, app, COOKIE, sealed, ERRAND_SECONDS)
    return answer


@router.get("/callback", status_code=303, response_class=RedirectResponse)
async def receive(app: TheApp, request: Request) -> RedirectResponse:
    """Let in whom the identity provider vouches for; what went wrong stands in the page's address."""
    try:
        remembered = _remembered(app, request)
        errand = Errand(**remembered["errand"])
        vouched = await _provider(app).receive(errand, f"{_back_to(app)}?{request.url.query}", _back_to(app))
        user = await app.access.user_of(vouched)
        token = await app.access.open_session(user, client_of(request))
    except VideoChatError as error:
        answer = RedirectResponse(f"/?{urlencode({'sign_in': error.reason})}", 303)
        request.scope[REFUSED] = status_of(error)  # in the book a refusal must not look like a success
    else:
        request.scope[ENTERED] = user.id
        answer = RedirectResponse(remembered["next"], 303)
        keep(answer, request, app, SESSION_COOKIE, token.text)
    answer.delete_cookie(COOKIE, path="/")
    return answer


def _remembered(app: App, request: Request) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(app.errands.open(request.cookies.get(COOKIE, "")))
    except ConfigurationError:
        raise UnauthenticatedError("This browser was not on its way to sign in.", code="no_errand") from None
    return found


def _provider(app: App) -> IdentityProvider:
    if app.identity_provider is None:
        raise ConflictError("There is no identity provider here (AUTH__MODE).", code="no_provider")
    return app.identity_provider


def _back_to(app: App) -> str:
    return f"{app.settings.server.public_url}/api/session/oidc/callback"


def _inside(path: str) -> str:
    """Return the path if it leads into our page and not out of it."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() else "/"
