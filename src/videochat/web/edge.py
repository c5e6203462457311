"""What happens to every request before and after its route: plain ASGI, so that streams stay streams."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from videochat.ops.logging import bind_request, request_id
from videochat.ops.metrics import Metrics
from videochat.ops.tracing import NOTHING, Span, Tracer, trace_id_in
from videochat.web.gate import IDENTITY
from videochat.web.problems import problem

log = structlog.get_logger("videochat.access")

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,80}")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
METHODS = SAFE_METHODS | {"POST", "PUT", "PATCH", "DELETE"}
QUIET_ROUTES = frozenset({"/health/live", "/health/ready", "/metrics"})
ASKED_FOR_HEAD = "videochat.head"  # in the scope, for routes that would open something to send it
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'self'; media-src 'self' blob:; img-src 'self' data:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
}
# For a year; not for the names below this one, which may be somebody else's.
ONLY_HTTPS = {"Strict-Transport-Security": "max-age=31536000"}


class Observer:
    """Gives each request an id, counts it and writes its one canonical log line, and tells browsers what pages may do.

    Where people come by https, browsers are also told never to come without.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, tracer: Tracer, public_url: str | None) -> None:
        self._app = app
        self._headers = SECURITY_HEADERS | (ONLY_HTTPS if (public_url or "").startswith("https:") else {})
        self._metrics = metrics
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        asked, parent = headers.get("x-request-id", ""), headers.get("traceparent", "")
        bind_request(asked if REQUEST_ID.fullmatch(asked) else trace_id_in(parent))
        status = 500
        started = time.perf_counter()

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])  # a library may send an enumeration's member
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id() or ""
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            with self._span(scope, parent) as span:
                try:
                    await self._app(scope, receive, send_with_headers)
                finally:
                    span.rename(f"{_method(scope)} {_route(scope)}")
                    span.set(status=status, route=_route(scope))
        finally:
            self._record(scope, status, time.perf_counter() - started)

    def _span(self, scope: Scope, parent: str) -> AbstractContextManager[Span]:
        if scope["path"] in QUIET_ROUTES:
            return NOTHING
        return self._tracer.span("request", request_id(), kind="server", parent=parent)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = _route(scope)
        self._metrics.requests.labels(_method(scope), route, str(status)).inc()
        self._metrics.request_seconds.labels(route).observe(seconds)
        level = log.debug if route in QUIET_ROUTES else log.info
        level(
            "request",
            method=scope["method"],
            path=scope["path"],
            route=route,
            status=status,
            ms=round(seconds * 1000, 1),
            **_who(scope),
        )


def _who(scope: Scope) -> dict[str, str]:
    identity = scope.get(IDENTITY)
    return {} if identity is None or identity.kind is None else {"user": identity.actor.id}


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in METHODS else "other"  # a client may invent any


def _route(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", "unknown"))


class HeadAnswers:
    """Answers HEAD as GET would, without the body: the route is left as soon as it has said what it would send."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b""})
                route.cancel()  # a recording of gigabytes, or events without an end, would follow

        scope["method"], scope[ASKED_FOR_HEAD] = "GET", True
        route = asyncio.ensure_future(self._app(scope, receive, send_head))
        try:
            await asyncio.wait({route})
        finally:
            route.cancel()
            scope["method"] = "HEAD"
        if not route.cancelled():
            route.result()


class Doorkeeper:
    """Refuses what other pages in the same browser might try: foreign host names (DNS rebinding) and foreign origins."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str], origins: Sequence[str]) -> None:
        self._app = app
        self._hosts = LOOPBACK | {host.lower() for host in hosts}
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await problem(scope, 403, "denied", refusal)(scope, receive, send)

    def _refusal(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if _hostname(host) not in self._hosts:
            return "This host name is not served here; add it to SERVER__ALLOWED_HOSTS."
        origin = headers.get("origin")
        if scope["method"] in SAFE_METHODS or origin is None or origin in self._origins:
            return None
        if urlsplit(origin).netloc == host:
            return None
        return "Another page may not change anything here; add its origin to SERVER__CORS_ORIGINS."


def _hostname(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""
