"""Media: upload, list, play, rename, delete."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote, unquote

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from videochat.app import App
from videochat.errors import InvalidError, NotFoundError
from videochat.jobs.job import Job
from videochat.jobs.parameters import Parameters, freeze
from videochat.media.media import Media, file_name
from videochat.ops.actor import Actor
from videochat.store.cache.stamps import library, recording
from videochat.web.bodies import ImportIn, JobOut, ListOut, MediaChange, MediaOut, WaveformOut
from videochat.web.cached import JSON, Basis, TheAsked, as_json, cached
from videochat.web.dependencies import TheActor, TheApp
from videochat.web.edge import ASKED_FOR_HEAD
from videochat.web.openapi import CONTENT_RESPONSES, UPLOAD_BODY
from videochat.web.ranges import ByteRange, UnsatisfiableError, parse_range
from videochat.web.receiving import take_in

router = APIRouter(prefix="/api/media", tags=["media"])

ALREADY_KNOWN = "X-Already-Known"
NOT_DECODED = "The recording is not decoded yet."

# What a browser plays; anything else is only ever downloaded, never shown as a page of ours.
PLAYABLE = ("video/", "audio/")
STATUS_OF_JOB = {
    "queued": "processing",
    "running": "processing",
    "paused": "processing",
    "completed": "ready",
    "failed": "failed",
}


def given_name(
    name: Annotated[str | None, Query(description="What to call it; else X-Filename or the form says so.")] = None,
    x_filename: Annotated[str | None, Header(description="What to call it, percent-encoded.")] = None,
) -> str | None:
    """Return what the client calls the recording."""
    return name or (x_filename and unquote(x_filename))


GivenName = Annotated[str | None, Depends(given_name)]


@router.post("", status_code=201, response_model=MediaOut, openapi_extra=UPLOAD_BODY)
async def upload(
    request: Request,
    response: Response,
    app: TheApp,
    actor: TheActor,
    name: GivenName,
    sha256: Annotated[str | None, Query(pattern="^[0-9a-fA-F]{64}$", description="Hash of the content.")] = None,
    process: Annotated[bool, Query(description="Whether to transcribe it now.")] = True,
) -> dict[str, object]:
    """Store a recording – the raw body, or the part `file` of a form – and queue its transcription.

    With `?sha256=` of content that is known already no body is needed; where it is not known and there is none, that is a
    404 `unknown_content`, and a body with another hash is a 422 `hash_mismatch`. Content that was known gives the recording
    of then, with the header `X-Already-Known: true`.
    """
    sha256 = sha256 and sha256.lower()
    media, new = await app.media.known(actor, sha256) if sha256 else None, False
    if media is None:
        media, new = await _receive(request, app, actor, name, sha256)
    if not new:
        response.headers[ALREADY_KNOWN] = "true"
    jobs = await app.jobs.newest([media.id])
    if process and media.id not in jobs:
        jobs = {media.id: await app.jobs.submit(actor, media, freeze(app.settings))}
    return media_json(media, jobs.get(media.id), actor)


@router.post("/import", status_code=202, response_model=JobOut)
async def import_media(app: TheApp, actor: TheActor, wanted: ImportIn) -> dict[str, object]:
    """Fetch the recording behind a link and transcribe it.

    The recording of the answered job is in the library at once, without content and hash until it has been fetched. Where
    the content turns out to be known, the job goes on with the recording of then: look at its `media_id`.
    """
    parameters = freeze(app.settings, **wanted.model_dump(exclude={"priority", "url"}))
    return (await app.jobs.submit_link(actor, wanted.url, parameters, priority=wanted.priority)).as_json()


async def _receive(
    request: Request, app: App, actor: Actor, name: str | None, sha256: str | None
) -> tuple[Media, bool]:
    sent = await take_in(request, app, actor, optional=sha256 is not None)
    if sent is None:
        raise NotFoundError("Content of this hash is not known here: send it as the body.", code="unknown_content")
    if sha256 not in {None, sent.received.sha256}:
        await sent.received.discard()
        raise InvalidError(
            "The body does not have the hash in ?sha256=: it was changed or cut off on its way, or the hash is another file's.",
            code="hash_mismatch",
        )
    return await app.media.add(actor, name or sent.name or "recording", sent.received)


@router.get("", response_model=ListOut[MediaOut])
async def list_media(
    asked: TheAsked,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    shared: Annotated[bool, Query(description="Instead of one's own, those that others let one read.")] = False,
) -> Response:
    """Return the media, newest first."""
    if shared:  # changes with what others do, and is asked for rarely
        return Response(await _page(asked.app, asked.actor, cursor, limit, shared=True), media_type=JSON)
    return await _listed(asked, cursor, limit)


@cached("media", lambda actor, cursor, limit: Basis([library(actor.id)], [cursor, limit]))
async def _listed(app: App, actor: Actor, cursor: str | None, limit: int) -> bytes:
    return await _page(app, actor, cursor, limit, shared=False)


async def _page(app: App, actor: Actor, cursor: str | None, limit: int, *, shared: bool) -> bytes:
    page = await app.jobs.library(actor, cursor=cursor, limit=limit, shared=shared)
    items = [media_json(media, job, actor) for media, job in page.items]
    return as_json(ListOut[MediaOut].model_validate({"items": items, "next": page.next}))


async def _with_job(app: App, actor: Actor, media: Media) -> dict[str, object]:
    jobs = await app.jobs.newest([media.id])
    return media_json(media, jobs.get(media.id), actor)


@router.get("/{media_id}", response_model=MediaOut)
async def get_media(app: TheApp, actor: TheActor, media_id: str) -> dict[str, object]:
    """Return one recording, with its newest job."""
    media = await app.media.get(actor, media_id)
    return await _with_job(app, actor, media)


@router.patch("/{media_id}", response_model=MediaOut)
async def rename_media(app: TheApp, actor: TheActor, media_id: str, change: MediaChange) -> dict[str, object]:
    """Give the recording another name."""
    media = await app.media.rename(actor, media_id, change.name)
    return await _with_job(app, actor, media)


@router.delete("/{media_id}", status_code=204)
async def delete_media(app: TheApp, actor: TheActor, media_id: str) -> None:
    """Delete the recording with everything made from it; its running job is cancelled first."""
    await app.media.own(actor, media_id)
    await app.jobs.stop_all(actor, media_id)
    await app.media.delete(actor, media_id)


@router.get("/{media_id}/waveform", response_model=WaveformOut)
async def waveform(asked: TheAsked, media_id: str) -> Response:
    """Return the loudness over the whole recording as numbers from 0 to 1; 404 until it is decoded."""
    app = asked.app
    media = await app.media.get(asked.actor, media_id)
    job = (await app.jobs.newest([media.id])).get(media.id)
    if job is None:
        raise NotFoundError(NOT_DECODED)
    return await _peaks(asked, media.id, app.media.plan(media, *Parameters.of(job).windows))


@cached("waveform", lambda _, media_id, plan: Basis([recording(media_id)], [plan]))
async def _peaks(app: App, _actor: Actor, media_id: str, plan: str) -> bytes:  # noqa: ARG001  # part of the basis
    audio = await app.media.audio(plan)
    if audio is None:
        raise NotFoundError(NOT_DECODED)
    return as_json(WaveformOut(peaks=list(audio.peaks), duration=audio.duration))


@router.get("/{media_id}/content", response_class=StreamingResponse, responses=CONTENT_RESPONSES)
async def content(app: TheApp, actor: TheActor, media_id: str, request: Request) -> Response:
    """Return the recording itself, with ranges, so that players can seek."""
    media = await app.media.get(actor, media_id)
    key, etag = app.media.content(media), f'"{media.sha256}"'
    headers = _content_headers(media, etag)
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    fresh = request.headers.get("if-range") in {None, etag}
    try:
        wanted = parse_range(request.headers.get("range"), media.size) if fresh else None
    except UnsatisfiableError:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{media.size}"})
    part = wanted or ByteRange(0, media.size)
    headers["Content-Length"] = str(part.end - part.start)
    if wanted is not None:
        headers["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{media.size}"
    if ASKED_FOR_HEAD in request.scope:
        return Response(status_code=206 if wanted else 200, headers=headers, media_type=_safe_type(media))
    return StreamingResponse(
        app.blobs.read(key, part.start, part.end), 206 if wanted else 200, headers, media_type=_safe_type(media)
    )


def _content_headers(media: Media, etag: str) -> dict[str, str]:
    disposition = "inline" if _safe_type(media) == media.mime else "attachment"
    return {
        "Accept-Ranges": "bytes",
        "ETag": etag,
        "Cache-Control": "private, max-age=31536000, immutable",
        "Content-Disposition": f"{disposition}; filename*=UTF-8''{quote(file_name(media.name), safe='')}",
        # What people upload must never act in our name, whatever it claims to be.
        "Content-Security-Policy": "sandbox; default-src 'none'; media-src 'self'",
    }


def _safe_type(media: Media) -> str:
    return media.mime if media.mime.startswith(PLAYABLE) else "application/octet-stream"


def _status(media: Media, job: Job | None) -> str:
    """Return what its newest job makes of it; an attempt that came to nothing leaves a whole transcript as it is."""
    if job is None or (job.status in {"failed", "cancelled"} and media.status == "ready"):
        return media.status
    return STATUS_OF_JOB.get(job.status, "stored" if media.is_here else "expected")


def _job_json(job: Job | None, media: Media, actor: Actor) -> dict[str, object] | None:
    """Return the newest job; where a recording came from is told to its owner alone, for a link may be a secret."""
    if job is None:
        return None
    return job.as_json() if media.owner == actor.id else {**job.as_json(), "link": None}


def media_json(media: Media, job: Job | None, actor: Actor) -> dict[str, object]:
    return {
        "id": media.id,
        "name": media.name,
        "kind": media.kind,
        "mime": media.mime,
        "size": media.size,
        "sha256": media.sha256 if media.is_here else None,
        "duration": media.duration,
        "status": _status(media, job),
        "created_at": media.created_at.isoformat(),
        "mine": media.owner == actor.id,
        "job": _job_json(job, media, actor),
    }
