"""The web process: the API and the page over one App."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from videochat import __version__
from videochat.app import App
from videochat.settings import Settings
from videochat.web import openapi, page, problems
from videochat.web.bodies import ProblemOut
from videochat.web.body_limit import BodyLimit
from videochat.web.cached import Validators
from videochat.web.edge import Doorkeeper, HeadAnswers, Observer
from videochat.web.gate import Gate
from videochat.web.limits import Rates
from videochat.web.mcp import route as mcp
from videochat.web.mcp.door import Door
from videochat.web.middleware import Layer, load_middleware
from videochat.web.routes import (
    account,
    alerts,
    answers,
    jobs,
    media,
    oidc,
    openai,
    ops,
    search,
    session,
    sharing,
    system,
    transcripts,
    users,
)
from videochat.web.slots import Slots


def create_api(app: App) -> FastAPI:
    """Return the ASGI application over an App that its caller has opened and will close. Raises ConfigurationError."""
    api = FastAPI(
        title="VideoChat",
        version=__version__,
        summary="Recordings become transcripts people trust and answers people can check.",
        lifespan=_lifespan,
        responses={"default": {"model": ProblemOut, "description": "An error (RFC 9457)."}},
        # FastAPI's documentation pages load scripts from elsewhere; /openapi.json is all a tool needs.
        docs_url=None,
        redoc_url=None,
    )
    api.state.app = app
    api.state.rates, api.state.slots = Rates(_redis(app.settings)), Slots(_redis(app.settings))
    api.state.mcp = Door(app, api.state.rates)
    for routes in (
        system,
        session,
        oidc,
        account,
        users,
        media,
        sharing,
        transcripts,
        jobs,
        search,
        answers,
        openai,
        ops,
        alerts,
        mcp,
    ):
        api.include_router(routes.router)
    page.install(api)
    problems.install(api)
    openapi.install(api)
    _install_edge(api, app)
    api.middleware_stack = api.build_middleware_stack()  # now: what is wrong with a plugin is said at the start
    return api


def _install_edge(api: FastAPI, app: App) -> None:
    """Put what happens to every request around the routes; the last added is the outermost."""
    server = app.settings.server
    api.add_middleware(Validators)
    api.add_middleware(HeadAnswers)
    for choice in reversed(load_middleware(server)):
        api.add_middleware(Layer, choice=choice)
    api.add_middleware(BodyLimit)
    api.add_middleware(Gate, service=app, rates=api.state.rates, slots=api.state.slots)
    if server.cors_origins:
        api.add_middleware(
            CORSMiddleware, allow_origins=server.cors_origins, allow_methods=["*"], allow_headers=["*"],
            expose_headers=["ETag", media.ALREADY_KNOWN, transcripts.NOTE],
        )  # fmt: skip
    public = [urlsplit(server.public_url).hostname or ""] if server.public_url else []
    hosts = [*server.allowed_hosts, *public, server.host]
    api.add_middleware(Doorkeeper, hosts=hosts, origins=server.cors_origins)
    api.add_middleware(Observer, metrics=app.metrics, tracer=app.tracer, public_url=server.public_url)


@asynccontextmanager
async def _lifespan(api: FastAPI) -> AsyncIterator[None]:
    app: App = api.state.app
    app.exporters.usable()  # imports them before anybody waits for it
    await app.answers.recover()
    yield
    await api.state.mcp.close()
    await api.state.rates.close()
    await api.state.slots.close()


def _redis(settings: Settings) -> str | None:
    url = "" if settings.cache.url is None else settings.cache.url.get_secret_value()
    return url if url.startswith("redis") else None
