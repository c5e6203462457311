"""Jobs: what is being worked on, and its events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent

from videochat.errors import VideoChatError
from videochat.jobs.job import Job, Status
from videochat.store.events import Everything
from videochat.web.bodies import JobActionIn, JobChange, JobOut, JobOutcomeOut, ListOut
from videochat.web.dependencies import TheActor, TheApp
from videochat.web.sse import After, server_sent

router = APIRouter(tags=["jobs"])


@router.get("/api/jobs", response_model=ListOut[JobOut])
async def list_jobs(
    app: TheApp,
    actor: TheActor,
    media: Annotated[str | None, Query(description="Only jobs of this recording.")] = None,
    status: Annotated[list[Status] | None, Query(description="Only jobs in one of these states.")] = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, object]:
    """Return the jobs, newest first."""
    page = await app.jobs.list(actor, media_id=media, statuses=status or (), cursor=cursor, limit=limit)
    return {"items": [job.as_json() for job in page.items], "next": page.next}


async def known_job(app: TheApp, actor: TheActor, job_id: str) -> Job:
    """Find the job before anything is streamed: an error must not become an empty 200."""
    return await app.jobs.get(actor, job_id)


TheJob = Annotated[Job, Depends(known_job)]


@router.get("/api/jobs/{job_id}", response_model=JobOut)
async def get_job(job: TheJob) -> dict[str, object]:
    """Return one job."""
    return job.as_json()


@router.post("/api/jobs/actions", response_model=ListOut[JobOutcomeOut])
async def act_on_jobs(app: TheApp, actor: TheActor, wanted: JobActionIn) -> dict[str, object]:
    """Cancel, pause, resume or retry many jobs; what cannot be done to one does not keep the others from it."""
    outcomes = await app.jobs.steer(actor, wanted.jobs, wanted.action)
    return {"items": [_outcome(job_id, outcome) for job_id, outcome in outcomes.items()], "next": None}


def _outcome(job_id: str, outcome: Job | VideoChatError) -> dict[str, object]:
    if isinstance(outcome, Job):
        return {"id": job_id, "job": outcome.as_json(), "error": None}
    return {"id": job_id, "job": None, "error": {"code": outcome.reason, "message": outcome.message}}


@router.patch("/api/jobs/{job_id}", response_model=JobOut)
async def change_job(app: TheApp, actor: TheActor, job_id: str, change: JobChange) -> dict[str, object]:
    """Let what waits of the job go before or after others from now on."""
    return (await app.jobs.prioritise(actor, job_id, change.priority)).as_json()


@router.post("/api/jobs/{job_id}/cancel", response_model=JobOut)
async def cancel_job(app: TheApp, actor: TheActor, job_id: str) -> dict[str, object]:
    """Stop the job for good; what is transcribed stays readable."""
    return (await app.jobs.cancel(actor, job_id)).as_json()


@router.post("/api/jobs/{job_id}/pause", response_model=JobOut)
async def pause_job(app: TheApp, actor: TheActor, job_id: str) -> dict[str, object]:
    """Stop the job until it is resumed, also across restarts; nothing that is finished is lost."""
    return (await app.jobs.pause(actor, job_id)).as_json()


@router.post("/api/jobs/{job_id}/resume", response_model=JobOut)
async def resume_job(app: TheApp, actor: TheActor, job_id: str) -> dict[str, object]:
    """Go on with a paused job where it stopped."""
    return (await app.jobs.resume(actor, job_id)).as_json()


@router.post("/api/jobs/{job_id}/retry", response_model=JobOut)
async def retry_job(app: TheApp, actor: TheActor, job_id: str) -> dict[str, object]:
    """Try a failed or cancelled job again with the same parameters; what was finished is not done again."""
    return (await app.jobs.retry(actor, job_id)).as_json()


@router.get("/api/jobs/{job_id}/events", response_class=EventSourceResponse)
async def job_events(app: TheApp, job: TheJob, after: After) -> AsyncIterator[ServerSentEvent]:
    """Everything that happened to the job so far, and then live; the stream closes after `end`."""
    async for event in server_sent(app.feed, app.metrics, f"job:{job.id}", after=after or 0):
        yield event


async def where_to_begin(app: TheApp, after: After) -> int:
    """Look before the stream is open: what a client then asks for and what it is told must leave nothing in between."""
    return await app.feed.newest() if after is None else after


Start = Annotated[int, Depends(where_to_begin)]


@router.get("/api/events", response_class=EventSourceResponse)
async def all_events(app: TheApp, actor: TheActor, start: Start) -> AsyncIterator[ServerSentEvent]:
    """What happens to all jobs and media from now on, or from Last-Event-ID on."""
    async for event in server_sent(app.feed, app.metrics, Everything(actor.id, ("job", "media")), after=start):
        yield event
