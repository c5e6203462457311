"""Media: upload, list, play, rename, delete."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated
from urllib.parse import quote, unquote

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from videochat.app import App
from videochat.errors import InvalidError, NotFoundError
from videochat.jobs.job import Job
from videochat.jobs.parameters import Parameters, freeze
from videochat.media.media import Media
from videochat.ops.actor import Actor
from videochat.web.bodies import ListOut, MediaChange, MediaOut, WaveformOut
from videochat.web.dependencies import TheActor, TheApp
from videochat.web.multipart import read_file_part
from videochat.web.ranges import ByteRange, UnsatisfiableError, parse_range

router = APIRouter(prefix="/api/media", tags=["media"])

# What a browser plays; anything else is only ever downloaded, never shown as a page of ours.
PLAYABLE = ("video/", "audio/")
STATUS_OF_JOB = {
    "queued": "processing",
    "running": "processing",
    "paused": "processing",
    "completed": "ready",
    "failed": "failed",
}


@router.post("", status_code=201, response_model=MediaOut)
async def upload(
    request: Request,
    app: TheApp,
    actor: TheActor,
    name: str | None = None,
    sha256: Annotated[str | None, Query(pattern="^[0-9a-fA-F]{64}$")] = None,
    process: bool = True,
) -> dict[str, object]:
    """Store a recording – the raw body, or the part `file` of a form – and queue its transcription.

    With `?sha256=` of content that is known already no body is needed.
    """
    media = await app.media.known(actor, sha256.lower()) if sha256 else None
    if media is None:
        media = await _receive(request, app, actor, name)
    jobs = await app.jobs.newest([media.id])
    if process and media.id not in jobs:
        jobs = {media.id: await app.jobs.submit(actor, media.id, freeze(app.settings))}
    return media_json(media, jobs.get(media.id))


async def _receive(request: Request, app: App, actor: Actor, name: str | None) -> Media:
    content_type = request.headers.get("content-type", "")
    body: AsyncIterator[bytes] = request.stream()
    name = name or unquote(request.headers.get("x-filename", "")) or None
    size = _content_length(request)
    async with app.media.receiver(actor, size) as receiver:
        if content_type.startswith("multipart/"):
            part = await read_file_part(content_type, body)
            name, body = name or part.name, part.content
        async for chunk in body:
            await receiver.write(chunk)
            app.metrics.upload_bytes.inc(len(chunk))
        media, _ = await app.media.add(actor, name or "recording", await receiver.finish())
    return media


def _content_length(request: Request) -> int | None:
    header = request.headers.get("content-length")
    if header is None:
        return None
    if not header.isascii() or not header.isdigit():
        raise InvalidError("Content-Length is not a number.")
    return int(header)


@router.get("", response_model=ListOut[MediaOut])
async def list_media(
    app: TheApp, actor: TheActor, cursor: str | None = None, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> dict[str, object]:
    """Return the media, newest first."""
    page = await app.media.list(actor, cursor=cursor, limit=limit)
    return {"items": await _with_jobs(app, page.items), "next": page.next}


async def _with_jobs(app: App, media: Sequence[Media]) -> list[dict[str, object]]:
    jobs = await app.jobs.newest([medium.id for medium in media])
    return [media_json(medium, jobs.get(medium.id)) for medium in media]


@router.get("/{media_id}", response_model=MediaOut)
async def get_media(app: TheApp, actor: TheActor, media_id: str) -> dict[str, object]:
    media = await app.media.get(actor, media_id)
    return (await _with_jobs(app, [media]))[0]


@router.patch("/{media_id}", response_model=MediaOut)
async def rename_media(app: TheApp, actor: TheActor, media_id: str, change: MediaChange) -> dict[str, object]:
    media = await app.media.rename(actor, media_id, change.name)
    return (await _with_jobs(app, [media]))[0]


@router.delete("/{media_id}", status_code=204)
async def delete_media(app: TheApp, actor: TheActor, media_id: str) -> None:
    """Delete the recording with everything made from it; its running job is cancelled first."""
    await app.media.get(actor, media_id)
    await app.jobs.stop_all(actor, media_id)
    await app.media.delete(actor, media_id)


@router.get("/{media_id}/waveform", response_model=WaveformOut)
async def waveform(app: TheApp, actor: TheActor, media_id: str) -> dict[str, object]:
    """Return the loudness over the whole recording as numbers from 0 to 1; 404 until it is decoded."""
    media = await app.media.get(actor, media_id)
    job = (await app.jobs.newest([media.id])).get(media.id)
    audio = await app.media.audio(app.media.plan(media, *Parameters.of(job).windows)) if job else None
    if audio is None:
        raise NotFoundError("The recording is not decoded yet.")
    return {"peaks": list(audio.peaks), "duration": audio.duration}


@router.get("/{media_id}/content", response_class=StreamingResponse)
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
    return StreamingResponse(
        app.blobs.read(key, part.start, part.end), 206 if wanted else 200, headers, media_type=_safe_type(media)
    )


def _content_headers(media: Media, etag: str) -> dict[str, str]:
    disposition = "inline" if _safe_type(media) == media.mime else "attachment"
    return {
        "Accept-Ranges": "bytes",
        "ETag": etag,
        "Cache-Control": "private, max-age=31536000, immutable",
        "Content-Disposition": f"{disposition}; filename*=UTF-8''{quote(media.name)}",
        # What people upload must never act in our name, whatever it claims to be.
        "Content-Security-Policy": "sandbox; default-src 'none'; media-src 'self'",
    }


def _safe_type(media: Media) -> str:
    return media.mime if media.mime.startswith(PLAYABLE) else "application/octet-stream"


def media_json(media: Media, job: Job | None) -> dict[str, object]:
    return {
        "id": media.id,
        "name": media.name,
        "kind": media.kind,
        "mime": media.mime,
        "size": media.size,
        "sha256": media.sha256,
        "duration": media.duration,
        "status": STATUS_OF_JOB.get(job.status, "stored") if job else "stored",
        "created_at": media.created_at.isoformat(),
        "job": job.as_json() if job else None,
    }
