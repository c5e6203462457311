"""Search: find where something was said."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from videochat.web.bodies import HitOut, ListOut
from videochat.web.dependencies import TheActor, TheApp

router = APIRouter(tags=["search"])


@router.get("/api/search", response_model=ListOut[HitOut])
async def search(
    app: TheApp,
    actor: TheActor,
    q: Annotated[str, Query(max_length=1000, description="What was said.")],
    media: Annotated[list[str] | None, Query(description="Only in these recordings.")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> dict[str, object]:
    """Return where the words were said: every line, phrases first, the lines of a recording in the order of time."""
    for media_id in dict.fromkeys(media or ()):
        await app.media.get(actor, media_id)  # nothing found in what is not there would be a lie
    hits = await app.passages.search(actor, q, media=media, limit=limit)
    items = [
        {
            "media": hit.media_id,
            "name": hit.name,
            "start": hit.start,
            "end": hit.end,
            "text": hit.text,
            "score": hit.score,
            "segments": list(hit.segments),
        }
        for hit in hits
    ]
    return {"items": items, "next": None}
