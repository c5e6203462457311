"""Search: find where something was said."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from videochat.app import App
from videochat.ops.actor import Actor
from videochat.store.cache.stamps import ACCESS, recording, words
from videochat.web.bodies import HitOut, ListOut
from videochat.web.cached import Basis, FleetingError, Input, TheAsked, as_json, cached

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
    # No event tells that vectors have come, so their state is part of the name.
    vectors = None if asked.app.passages.meaning is None else asked.app.passages.meaning.state
    return await _found(asked, q, {one.id: one.name for one in inside} or None, limit, vectors)


def _basis(actor: Actor, q: str, inside: dict[str, str] | None, limit: int, vectors: str | None) -> Basis:
    """Say that what is said elsewhere changes nothing for who searches in some recordings only."""
    how: list[Input] = [limit] if vectors is None else [limit, vectors]
    if inside:
        return Basis([recording(one) for one in inside], [q, [*inside], [*inside.values()], *how])
    if not actor.sharers and not actor.lent:
        return Basis([words(actor.id)], [q, None, *how])
    whole = [words(owner) for owner in (actor.id, *sorted(actor.sharers))]
    lent = sorted(actor.lent)
    return Basis([*whole, *(recording(one) for one in lent), ACCESS], [q, lent, *how])


@cached("search", _basis)
async def _found(
    app: App, actor: Actor, q: str, inside: dict[str, str] | None, limit: int, vectors: str | None
) -> bytes:
    hits = await app.passages.hits(actor, q, media=[*inside] if inside else None, limit=limit)
    items = [
        HitOut(
            media=hit.media_id, name=hit.name, start=hit.start, end=hit.end, text=hit.text, score=hit.score,
            segments=list(hit.segments),
        )
        for hit in hits.items
    ]  # fmt: skip
    body = as_json(ListOut[HitOut](items=items, next=None))
    if hits.state != vectors:  # the embedder was away, or vectors came meanwhile
        raise FleetingError(body)
    return body
