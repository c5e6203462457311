"""Jobs: what is being worked on, and its events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent

from videochat.jobs.job import Job, Status
from videochat.store.events import Everything
from videochat.web.bodies import JobOut, ListOut
from videochat.web.dependencies import TheActor, TheApp
from videochat.web.sse import After, server_sent

router = APIRouter(tags=["jobs"])


@router.get("/api/jobs", response_model=ListOut[JobOut])
async def list_jobs(
    app: TheApp,
    actor: TheActor,
    media: str | None = None,
    status: Annotated[list[Status] | None, Query()] = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, object]:
    page = await app.jobs.list(actor, media_id=media, statuses=status or (), cursor=cursor, limit=limit)
    return {"items": [job.as_json() for job in page.items], "next": page.next}


async def known_job(app: TheApp, actor: TheActor, job_id: str) -> Job:
    """Find the job before anything is streamed: an error must not become an empty 200."""
    return await app.jobs.get(actor, job_id)


TheJob = Annotated[Job, Depends(known_job)]


@router.get("/api/jobs/{job_id}", response_model=JobOut)
async def get_job(job: TheJob) -> dict[str, object]:
    return job.as_json()


@router.post("/api/jobs/{job_id}/cancel", response_model=JobOut)
async def cancel_job(app: TheApp, actor: TheActor, job_id: str) -> dict[str, object]:
    return (await app.jobs.cancel(actor, job_id)).as_json()


@router.post("/api/jobs/{job_id}/pause", response_model=JobOut)
async def pause_job(app: TheApp, actor: TheActor, job_id: str) -> dict[str, object]:
    return (await app.jobs.pause(actor, job_id)).as_json()


@router.post("/api/jobs/{job_id}/resume", response_model=JobOut)
async def resume_job(app: TheApp, actor: TheActor, job_id: str) -> dict[str, object]:
    return (await app.jobs.resume(actor, job_id)).as_json()


@router.post("/api/jobs/{job_id}/retry", response_model=JobOut)
async def retry_job(app: TheApp, actor: TheActor, job_id: str) -> dict[str, object]:
    return (await app.jobs.retry(actor, job_id)).as_json()


@router.get("/api/jobs/{job_id}/events", response_class=EventSourceResponse)
async def job_events(app: TheApp, job: TheJob, after: After) -> AsyncIterator[ServerSentEvent]:
    """Everything that happened to the job so far, and then live; the stream closes after `end`."""
    async for event in server_sent(app.feed, app.metrics, f"job:{job.id}", after=after or 0):
        yield event


@router.get("/api/events", response_class=EventSourceResponse)
async def all_events(app: TheApp, actor: TheActor, after: After) -> AsyncIterator[ServerSentEvent]:
    """What happens to all jobs and media from now on, or from Last-Event-ID on."""
    start = await app.feed.newest() if after is None else after
    async for event in server_sent(app.feed, app.metrics, Everything(actor.id, ("job", "media")), after=start):
        yield event
