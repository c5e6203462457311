"""Letting others read a recording."""

from __future__ import annotations

from fastapi import APIRouter

from videochat.access.user import Link, User
from videochat.app import App
from videochat.errors import ConflictError, InvalidError
from videochat.web.access_bodies import GrantIn, LinkMake, LinkOut, NewLinkOut, ReaderOut
from videochat.web.bodies import ListOut
from videochat.web.dependencies import TheActor, TheApp

router = APIRouter(prefix="/api/media/{media_id}", tags=["access"])


@router.get("/grants", response_model=ListOut[ReaderOut])
async def list_readers(app: TheApp, actor: TheActor, media_id: str) -> dict[str, object]:
    """Return the accounts that may read one's recording."""
    return {"items": [_reader(user) for user in await app.sharing.readers(actor, media_id)], "next": None}


@router.post("/grants", status_code=201, response_model=ReaderOut)
async def grant(app: TheApp, actor: TheActor, media_id: str, wanted: GrantIn) -> dict[str, object]:
    """Let an account read one's recording, search it and ask it."""
    _require_accounts(app)
    return _reader(await app.sharing.grant(actor, media_id, wanted.name))


@router.delete("/grants/{user_id}", status_code=204)
async def withdraw(app: TheApp, actor: TheActor, media_id: str, user_id: str) -> None:
    """Let an account read it no longer."""
    await app.sharing.withdraw(actor, media_id, user_id)


@router.get("/links", response_model=ListOut[LinkOut])
async def list_links(app: TheApp, actor: TheActor, media_id: str) -> dict[str, object]:
    """Return the links to one's recording that are good."""
    return {"items": [_link(link) for link in await app.sharing.links(actor, media_id)], "next": None}


@router.post("/links", status_code=201, response_model=NewLinkOut)
async def make_link(app: TheApp, actor: TheActor, media_id: str, wanted: LinkMake) -> dict[str, object]:
    """Make a link with which whoever has it can read, play and search this one recording."""
    _require_accounts(app)
    longest = app.settings.auth.link_days
    if wanted.days > longest:
        raise InvalidError(f"A link is good for at most {longest:g} days (AUTH__LINK_DAYS).")
    token, link = await app.sharing.add_link(actor, media_id, wanted.days)
    # Behind the #, so that it gets into no log of a proxy and no Referer header.
    return {**_link(link), "path": f"/shared#{token.text}"}


@router.delete("/links/{link_id}", status_code=204)
async def revoke_link(app: TheApp, actor: TheActor, media_id: str, link_id: str) -> None:
    """Revoke a link, at once."""
    await app.sharing.revoke_link(actor, media_id, link_id)


def _require_accounts(app: App) -> None:
    if app.settings.auth.mode == "none":
        raise ConflictError("Nobody else can come in here: set AUTH__MODE=users.", code="no_accounts")


def _reader(user: User) -> dict[str, object]:
    return {"id": user.id, "name": user.name}


def _link(link: Link) -> dict[str, object]:
    moments = {"created_at": link.created_at.isoformat(), "expires_at": link.expires_at.isoformat()}
    return {"id": link.id, "prefix": link.prefix, **moments}
