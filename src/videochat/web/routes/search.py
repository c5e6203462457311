"""Search: find where something was said."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from videochat.app import App
from videochat.ops.actor import Actor
from videochat.store.cache.stamps import ACCESS, recording, words
from videochat.web.bodies import HitOut, ListOut
from videochat.web.cached import Basis, TheAsked, as_json, cached

router = APIRouter(tags=["search"])


@router.get("/api/search", response_model=ListOut[HitOut])
async def search(
    asked: TheAsked,
    q: Annotated[str, Query(max_length=1000, description="What was said.")],
    media: Annotated[list[str] | None, Query(description="Only in these recordings.")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Response:
    """Return where the words were said: every line, phrases first, the lines of a recording in the order of time."""
    # Nothing found in what is not there would be a lie.
    inside = [await asked.app.media.get(asked.actor, media_id) for media_id in dict.fromkeys(media or ())]
    return await _found(asked, q, {one.id: one.name for one in inside} or None, limit)


def _basis(actor: Actor, q: str, inside: dict[str, str] | None, limit: int) -> Basis:
    """Say that what is said elsewhere changes nothing for who searches in some recordings only."""
    if inside:
        return Basis([recording(one) for one in inside], [q, [*inside], [*inside.values()], limit])
    if not actor.sharers and not actor.lent:
        return Basis([words(actor.id)], [q, None, limit])
    whole = [words(owner) for owner in (actor.id, *sorted(actor.sharers))]
    lent = sorted(actor.lent)
    return Basis([*whole, *(recording(one) for one in lent), ACCESS], [q, lent, limit])


@cached("search", _basis)
async def _found(app: App, actor: Actor, q: str, inside: dict[str, str] | None, limit: int) -> bytes:
    hits = await app.passages.search(actor, q, media=[*inside] if inside else None, limit=limit)
    items = [
        HitOut(
            media=hit.media_id, name=hit.name, start=hit.start, end=hit.end, text=hit.text, score=hit.score,
            segments=list(hit.segments),
        )
        for hit in hits
    ]  # fmt: skip
    return as_json(ListOut[HitOut](items=items, next=None))
