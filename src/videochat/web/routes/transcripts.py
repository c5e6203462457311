"""Transcripts: read them while they grow, export them, ask for another one."""

from __future__ import annotations

from pathlib import PurePath
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from videochat.app import App
from videochat.errors import InvalidError, NotFoundError
from videochat.jobs.parameters import freeze
from videochat.media.media import Media, file_name
from videochat.ops.actor import Actor
from videochat.store.cache.stamps import recording
from videochat.transcripts.exporters import Format
from videochat.transcripts.formats import Header, render_stream
from videochat.transcripts.segment import Transcript
from videochat.web.bodies import JobOut, TranscriptionIn, TranscriptOut
from videochat.web.cached import Asked, Basis, Input, TheAsked, as_json, cached, matches, validators
from videochat.web.dependencies import TheActor, TheApp
from videochat.web.openapi import text_response

router = APIRouter(prefix="/api/media/{media_id}", tags=["transcripts"])

NOTE = "X-Transcript-Note"
# A longer one is sent while it is being read, so that nobody holds all of it: about twelve hours.
MOST_KEPT_SEGMENTS = 10_000
FileFormat = Annotated[
    str | None,
    Query(description="One of the `formats` in `/api/system`: srt, vtt, txt, md, json, and what plugins add."),
]


@router.get("/transcript", response_model=TranscriptOut, response_model_exclude_unset=True)
async def get_transcript(
    asked: TheAsked,
    media_id: str,
    cursor: str | None = None,
    since: Annotated[int, Query(ge=0, description="Only segments numbered from here on.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
    format: FileFormat = None,  # noqa: A002  # the name in the contract
) -> Response | dict[str, Any]:
    """Return the segments that can be read so far, in pages – or the whole transcript as a file with `?format=`.

    A file comes with the header `X-Transcript-Note`, which says who made the words and whether these are all: text and SRT
    have no place for it.
    """
    media, transcript = await _newest(asked, media_id)
    if format is not None:
        return await _file(asked, media, transcript, format)
    if transcript is None:
        return {**_header(None), "segments": [], "next": None, "health": None}
    after = since - 1 if cursor is None else position(cursor)
    return await _page(asked, transcript, after, limit)


async def _newest(asked: Asked, media_id: str) -> tuple[Media, Transcript | None]:
    media = await asked.app.media.get(asked.actor, media_id)
    return media, await asked.app.transcripts.newest(asked.actor, media_id)


def _state(transcript: Transcript) -> list[Input]:
    """Return what changes with each window and when a transcript ends, which is not announced at once in every case."""
    t = transcript
    return [t.id, t.status, t.windows, t.segments]


@cached(
    "transcript",
    lambda _, transcript, after, limit: Basis([recording(transcript.media_id)], [*_state(transcript), after, limit]),
)
async def _page(app: App, _actor: Actor, transcript: Transcript, after: int, limit: int) -> bytes:
    segments, following = await app.transcripts.page(transcript.id, after, limit)
    page = {
        **_header(transcript),
        "segments": [segment.to_json() for segment in segments],
        "next": None if following is None else str(following),
        "health": await app.transcripts.health(transcript),
    }
    return as_json(TranscriptOut.model_validate(page))


@router.get("/subtitles.vtt", response_class=StreamingResponse, responses=text_response("text/vtt", "The subtitles."))
async def subtitles(asked: TheAsked, media_id: str) -> Response:
    """Return what is transcribed so far as WebVTT, for players."""
    return await _file(asked, *await _newest(asked, media_id), "vtt")


async def _file(asked: Asked, media: Media, transcript: Transcript | None, form: str) -> Response:
    wanted = asked.app.exporters.named(form)
    if transcript is None:
        raise NotFoundError("This recording has no transcript yet.")
    header = Header.of(transcript, media.name)
    send = _export if transcript.segments <= MOST_KEPT_SEGMENTS else _stream
    response = await send(asked, transcript, header, wanted)
    name = f"{PurePath(file_name(media.name)).stem}.{form}"
    response.headers["Content-Type"] = f"{wanted.media_type}; charset=utf-8"
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
    response.headers[NOTE] = in_header(header.note)
    return response


def _basis_of_file(_actor: Actor, transcript: Transcript, header: Header, form: Format) -> Basis:
    return Basis([recording(transcript.media_id)], [*_state(transcript), header.title, form.name, form.version])


@cached("export", _basis_of_file)
async def _export(app: App, _actor: Actor, transcript: Transcript, header: Header, form: Format) -> bytes:
    pieces = render_stream(form.renderer(header), app.transcripts.all_segments(transcript.id))
    return "".join([piece async for piece in pieces]).encode()


async def _stream(asked: Asked, transcript: Transcript, header: Header, form: Format) -> Response:
    on = _basis_of_file(asked.actor, transcript, header, form)
    name = await asked.app.cache.name("export", asked.actor.id, on.tags, *on.inputs)
    if matches(asked.headers, name.etag):
        return Response(status_code=304, headers=validators(name))
    pieces = render_stream(form.renderer(header), asked.app.transcripts.all_segments(transcript.id))
    return StreamingResponse(pieces, headers=validators(name))


def in_header(text: str) -> str:
    """Return the text as a header can carry it; a model may be a folder of any name."""
    return " ".join(text.split()).encode("ascii", "backslashreplace").decode()


def position(cursor: str) -> int:
    """Return the number of the segment behind a cursor. Raises InvalidError."""
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 9:
        raise InvalidError("The cursor is not one that this service gave.")
    return int(cursor)


def _header(transcript: Transcript | None) -> dict[str, Any]:
    if transcript is None:
        return {"status": "none", "engine": None, "model": None, "language": None, "basic": False}
    return {
        "status": transcript.status,
        "engine": transcript.engine,
        "model": transcript.model,
        "language": transcript.language,
        "basic": transcript.basic,
    }


@router.post("/transcription", status_code=202, response_model=JobOut)
async def transcribe(app: TheApp, actor: TheActor, media_id: str, wanted: TranscriptionIn) -> dict[str, object]:
    """Transcribe the recording again, with other parameters where given."""
    media = await app.media.own(actor, media_id)
    parameters = freeze(app.settings, **wanted.model_dump(exclude={"priority"}))
    return (await app.jobs.submit(actor, media, parameters, priority=wanted.priority)).as_json()
