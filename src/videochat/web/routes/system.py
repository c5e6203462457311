"""How the service is: health, metrics, and what it is made of."""

from __future__ import annotations

import asyncio
import hmac
from dataclasses import asdict
from typing import Annotated, Protocol

from fastapi import APIRouter, Header, Response

from videochat import __version__
from videochat.app import App
from videochat.errors import DeniedError, VideoChatError
from videochat.jobs.roster import alive_workers
from videochat.passages.service import PassageService
from videochat.web.bodies import HealthReport, SystemOut
from videochat.web.dependencies import TheApp
from videochat.web.openapi import text_response

router = APIRouter(tags=["system"])


class Pingable(Protocol):
    async def ping(self) -> None: ...


@router.get("/health/live", response_model=HealthReport)
async def live() -> dict[str, object]:
    """Say that the process answers."""
    return {"status": "ok", "components": {}}


@router.get(
    "/health/ready",
    response_model=HealthReport,
    responses={503: {"model": HealthReport, "description": "A component that every request needs does not work."}},
)
async def ready(app: TheApp, response: Response) -> dict[str, object]:
    """Say whether each component works; 503 when one that every request needs does not.

    With 200 and `degraded` requests are served, but there is no worker, no space, no Redis, or a provider or embedder that fails.
    """
    components = {"database": await _ping(app.database), "blobs": await _ping(app.blobs)}
    if components["database"]["status"] == "ok":
        workers = len(await alive_workers(app.database, app.settings.jobs))
        components["workers"] = {"status": "ok" if workers else "none", "alive": workers}
    components["provider"] = {"status": "failing" if app.answers.breaker.failing else "ok"}
    components |= await _chosen(app)
    components["disk"] = {"status": "ok" if await asyncio.to_thread(lambda: app.space.free) > 0 else "full"}
    healthy = all(components[name]["status"] == "ok" for name in ("database", "blobs"))
    whole = all(component["status"] == "ok" for component in components.values())
    response.status_code = 200 if healthy else 503
    return {"status": "ok" if whole else "degraded" if healthy else "unavailable", "components": components}


@router.get("/metrics", response_class=Response, responses=text_response("text/plain", "Prometheus' text format."))
async def metrics(
    app: TheApp, authorization: Annotated[str, Header(description="`Bearer` and METRICS__TOKEN.")] = ""
) -> Response:
    """Return everything that is counted, in all processes together, for Prometheus."""
    token = app.settings.metrics.token
    if token is not None and not _is_bearer(authorization, token.get_secret_value()):
        raise DeniedError("METRICS__TOKEN is set: send it as a bearer token.")
    try:
        totals = await app.reporter.totals()
    except VideoChatError:  # without a database there is at least what this process knows
        totals = None
    return Response(app.metrics.exposition(totals), media_type="text/plain; version=0.0.4")


def _is_bearer(authorization: str, token: str) -> bool:
    """Say whether this is sent in the header; bytes are compared, for anybody may send text that cannot be."""
    return hmac.compare_digest(authorization.encode("latin-1"), f"Bearer {token}".encode())  # as they were sent


@router.get("/api/system", response_model=SystemOut, response_model_exclude_unset=True)
async def system(app: TheApp) -> dict[str, object]:
    """Return what listens and what answers here, and the limits."""
    settings = app.settings
    return {
        "version": __version__,
        "engine": asdict(app.chooser.describe(settings.stt)),
        "provider": {"name": app.answers.provider.name, "model": app.answers.provider.model},
        "limits": {"max_upload_bytes": settings.server.max_upload_bytes},
        "formats": list(app.exporters.usable()),
        **await _embedder(app.passages),
    }


async def _embedder(passages: PassageService) -> dict[str, object]:
    """Return what finds passages by their meaning and how far it has come; nothing where there is none."""
    meaning, progress = passages.meaning, await passages.progress()
    if meaning is None or progress is None:
        return {}
    return {"embedder": {"name": meaning.embedder.name, "model": meaning.embedder.model, **asdict(progress)}}


async def _chosen(app: App) -> dict[str, dict[str, object]]:
    """Return how those components are that an installation need not have."""
    found: dict[str, dict[str, object]] = {}
    if (meaning := app.passages.meaning) is not None:
        found["embedder"] = {"status": "failing" if meaning.failing else "ok"}
    if (reachable := await app.cache.ping()) is not None:  # the rates are counted in the same one
        found["redis"] = {"status": "ok" if reachable else "away"}
    return found


async def _ping(component: Pingable) -> dict[str, object]:
    try:
        await component.ping()
    except VideoChatError as error:
        return {"status": "unavailable", "code": error.reason}
    return {"status": "ok"}
