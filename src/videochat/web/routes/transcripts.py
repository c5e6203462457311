"""Transcripts: read them while they grow, export them, ask for another one."""

from __future__ import annotations

from pathlib import PurePath
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from videochat.app import App
from videochat.errors import InvalidError, NotFoundError, UnsupportedError
from videochat.jobs.parameters import freeze
from videochat.media.media import Media, file_name
from videochat.transcripts.formats import FORMATS, Header, render_stream
from videochat.transcripts.segment import Transcript
from videochat.web.bodies import JobOut, TranscriptionIn, TranscriptOut
from videochat.web.dependencies import TheActor, TheApp
from videochat.web.openapi import text_response

router = APIRouter(prefix="/api/media/{media_id}", tags=["transcripts"])

NOTE = "X-Transcript-Note"
FileFormat = Annotated[str | None, Query(description=f"One of {', '.join(FORMATS)}.")]


@router.get("/transcript", response_model=TranscriptOut, response_model_exclude_unset=True)
async def get_transcript(
    app: TheApp,
    actor: TheActor,
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
    media = await app.media.get(actor, media_id)
    transcript = await app.transcripts.newest(actor, media_id)
    if format is not None:
        return _file(app, media, transcript, format)
    if transcript is None:
        return {**_header(None), "segments": [], "next": None, "health": None}
    after = since - 1 if cursor is None else _position(cursor)
    segments, following = await app.transcripts.page(transcript.id, after, limit)
    return {
        **_header(transcript),
        "segments": [segment.to_json() for segment in segments],
        "next": None if following is None else str(following),
        "health": await app.transcripts.health(transcript),
    }


MEDIA_TYPES = {
    "srt": "application/x-subrip",
    "vtt": "text/vtt",
    "txt": "text/plain",
    "md": "text/markdown",
    "json": "application/json",
}


@router.get("/subtitles.vtt", response_class=StreamingResponse, responses=text_response("text/vtt", "The subtitles."))
async def subtitles(app: TheApp, actor: TheActor, media_id: str) -> Response:
    """Return what is transcribed so far as WebVTT, for players."""
    media = await app.media.get(actor, media_id)
    return _file(app, media, await app.transcripts.newest(actor, media_id), "vtt")


def _file(app: App, media: Media, transcript: Transcript | None, form: str) -> Response:
    if form not in FORMATS:
        raise UnsupportedError(f"There is no format {form!r}; choose {', '.join(FORMATS)}.")
    if transcript is None:
        raise NotFoundError("This recording has no transcript yet.")
    header = Header.of(transcript, media.name)
    pieces = render_stream(form, header, app.transcripts.all_segments(transcript.id))
    name = f"{PurePath(file_name(media.name)).stem}.{form}"
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}", NOTE: _ascii(header.note)}
    return StreamingResponse(pieces, media_type=f"{MEDIA_TYPES[form]}; charset=utf-8", headers=headers)


def _ascii(text: str) -> str:
    """Return the text as a header can carry it; a model may be a folder of any name."""
    return " ".join(text.split()).encode("ascii", "backslashreplace").decode()


def _position(cursor: str) -> int:
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
