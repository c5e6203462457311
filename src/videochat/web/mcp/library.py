"""The tools that read: what there is, where something was said, what was said."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from videochat.app import App
from videochat.errors import InvalidError
from videochat.jobs.job import Job
from videochat.media.media import Media
from videochat.ops.actor import Actor
from videochat.passages.hit import Hit
from videochat.transcripts.formats import Header
from videochat.transcripts.segment import NumberedSegment, Transcript
from videochat.web.bodies import Body
from videochat.web.mcp.tool import Caller, Result, shortened
from videochat.web.routes.media import media_json
from videochat.web.routes.transcripts import position

MOST_MEDIA = 100
MOST_HITS = 50
MOST_SEGMENTS = 300
# Of one answer, about an hour of speech: clients cut off what is much longer, without a word.
MOST_CHARACTERS = 20_000
MOST_CHARACTERS_OF_A_HIT = 1000
MARK = re.compile("</?mark>")
SHOWN = ("id", "name", "kind", "duration", "status", "created_at", "mine")

Limit = Annotated[int, Field(ge=1, description="How many at most.")]
Cursor = Annotated[str | None, Field(max_length=200, description="`next` of the page before.")]
Seconds = Annotated[float | None, Field(ge=0, allow_inf_nan=False)]
SomeMedia = Annotated[
    list[str] | None,
    Field(min_length=1, max_length=MOST_MEDIA, description="Ids of recordings; left out: all of them."),
]


class ListWanted(Body):
    cursor: Cursor = None
    limit: Annotated[Limit, Field(le=MOST_MEDIA)] = 50
    shared: bool = Field(False, description="Instead of one's own, those that others let one read.")


class SearchWanted(Body):
    query: str = Field(min_length=1, max_length=1000, description="Words that were said.")
    media: SomeMedia = None
    limit: Annotated[Limit, Field(le=MOST_HITS)] = 10


class TranscriptWanted(Body):
    media: str = Field(description="The id of a recording.")
    start: Annotated[Seconds, Field(description="Only what is said after this second.")] = None
    end: Annotated[Seconds, Field(description="Only what is said before this second.")] = None
    cursor: Cursor = None


async def list_media(caller: Caller, wanted: ListWanted) -> Result:
    page = await caller.app.jobs.library(caller.actor, wanted.cursor, wanted.limit, shared=wanted.shared)
    return {"media": [_shown(media, job, caller.actor) for media, job in page.items], "next": page.next}


def _shown(media: Media, job: Job | None, actor: Actor) -> Result:
    whole = media_json(media, job, actor)
    return {name: whole[name] for name in SHOWN}


async def search_library(caller: Caller, wanted: SearchWanted) -> Result:
    await must_be_there(caller.app, caller.actor, wanted.media)
    hits = await caller.app.passages.search(caller.actor, wanted.query, media=wanted.media, limit=wanted.limit)
    return {"hits": [_hit(hit) for hit in hits]}


async def must_be_there(app: App, actor: Actor, media: Sequence[str] | None) -> None:
    """Raise NotFoundError for what the actor may not read: nothing found in it would be a lie."""
    for media_id in dict.fromkeys(media or ()):
        await app.media.get(actor, media_id)


def _hit(hit: Hit) -> Result:
    said = html.unescape(MARK.sub("", hit.text))
    text = shortened(said, MOST_CHARACTERS_OF_A_HIT)
    return {"media": hit.media_id, "name": hit.name, "start": hit.start, "end": hit.end, "text": text}


async def get_transcript(caller: Caller, wanted: TranscriptWanted) -> Result:
    between = _between(wanted)
    media = await caller.app.media.get(caller.actor, wanted.media)
    transcript = await caller.app.transcripts.newest(caller.actor, media.id)
    if transcript is None:
        return {**_state(media, None), "segments": [], "next": None}
    after = -1 if wanted.cursor is None else position(wanted.cursor)
    found, following = await caller.app.transcripts.page(transcript.id, after, MOST_SEGMENTS, between=between)
    shown = _fitting(found)
    rest = shown[-1].n if len(shown) < len(found) else following
    return {
        **_state(media, transcript),
        "segments": [_segment(segment) for segment in shown],
        "next": None if rest is None else str(rest),
    }


def _between(wanted: TranscriptWanted) -> tuple[float, float] | None:
    if wanted.start is None and wanted.end is None:
        return None
    start, end = wanted.start or 0.0, float("inf") if wanted.end is None else wanted.end
    if end <= start:
        raise InvalidError("end: it must be later than start.")
    return start, end


def _state(media: Media, transcript: Transcript | None) -> Result:
    """Say how much of the recording there is to read, in words too: a model reads sentences."""
    nothing = "This recording has no transcript yet." if media.is_here else "This recording has not been fetched."
    note = nothing if transcript is None else Header.of(transcript, media.name).note
    return {
        "media": media.id,
        "name": media.name,
        "duration": media.duration,
        "status": "none" if transcript is None else transcript.status,
        "complete": transcript is not None and transcript.status == "complete",
        "transcribed": 0.0 if transcript is None else transcript.transcribed,
        "language": None if transcript is None else transcript.language,
        "note": note,
    }


def _fitting(found: Sequence[NumberedSegment]) -> Sequence[NumberedSegment]:
    """Return as many as fit into one answer, and at least one, so that asking on comes to an end."""
    characters = 0
    for count, segment in enumerate(found):
        characters += len(segment.text)
        if characters > MOST_CHARACTERS and count:
            return found[:count]
    return found


def _segment(segment: NumberedSegment) -> Result:
    text = shortened(segment.text, MOST_CHARACTERS)
    speaker = {} if segment.speaker is None else {"speaker": segment.speaker}
    return {"start": segment.start, "end": segment.end, "text": text, **speaker}
