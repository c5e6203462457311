"""Who comes in, and how often: each request is given an identity here, or an answer that says what is missing."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import replace
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from videochat.access.identity import AT_HOME, Identity
from videochat.access.tokens import Kind
from videochat.app import App
from videochat.errors import DeniedError, TooManyError, UnauthenticatedError, VideoChatError
from videochat.ops.tasks import cancelled
from videochat.store.feed import within
from videochat.web.limits import Rates, Slots, Window
from videochat.web.problems import answer_to
from videochat.web.rules import SAFE_METHODS, Rule, rule_for

IDENTITY = "videochat.identity"  # in the scope: who asks, None for a stranger
SESSION_COOKIE = "videochat_session"
LINK_COOKIE = "videochat_link"
RECHECK_SECONDS = 60.0  # while a stream is open: its session may have run out


class Gate:
    """Lets in who may come in. Without accounts (AUTH__MODE=none) everybody is the local user."""

    def __init__(self, app: ASGIApp, service: App, rates: Rates) -> None:
        self._app = app
        self._service = service
        self._rates = rates
        self._slots = Slots()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        rule, headers = self._rule(scope), Headers(scope=scope)
        try:
            identity = await self._identified(headers)
            scope[IDENTITY] = identity
            window = await self._let_in(rule, identity, scope, headers)
            with ExitStack() as slots:
                self._take_slot(slots, rule, identity, scope)
                await self._pass_on(scope, receive, send, rule, window, headers)
        except VideoChatError as error:
            await answer_to(error)(scope, receive, send)

    def _rule(self, scope: Scope) -> Rule:
        rule = rule_for(scope["method"], scope["path"])
        if scope["path"] == "/metrics" and self._service.settings.metrics.token is not None:
            return replace(rule, permission=None)  # it has a token of its own
        return rule

    async def _identified(self, headers: Headers) -> Identity | None:
        """Return who asks. Raises UnauthenticatedError for a key that is none: silence would hide the mistake."""
        if self._service.settings.auth.mode == "none":
            return AT_HOME
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and token.startswith("vck_"):
            if (identity := await self._service.identities.of(token.strip())) is None:
                raise UnauthenticatedError("This API key is unknown, has run out or was revoked.", code="bad_key")
            return identity
        cookies = _cookies(headers)
        person = await self._of_cookie(cookies, SESSION_COOKIE, {"session", "key"})
        guest = await self._of_cookie(cookies, LINK_COOKIE, {"link"})
        if person is None or guest is None:
            return person or guest
        return replace(person, actor=replace(person.actor, lent=guest.actor.lent))

    async def _of_cookie(self, cookies: dict[str, str], name: str, kinds: set[Kind]) -> Identity | None:
        if (token := cookies.get(name)) is None:
            return None
        identity = await self._service.identities.of(token)
        return identity if identity is not None and identity.kind in kinds else None

    async def _let_in(self, rule: Rule, identity: Identity | None, scope: Scope, headers: Headers) -> Window | None:
        """Raise what keeps this request out, and return how many more there may be."""
        settings = self._service.settings
        if settings.auth.mode == "none":
            return None
        who = _address(scope) if identity is None or rule.rate == "enter" else identity.actor.id
        window = await self._rates.hit(getattr(settings.limits, rule.rate), rule.rate, who)
        if not window.allowed:
            raise TooManyError(f"More than {getattr(settings.limits, rule.rate)}.", retry_after=window.reset)
        if rule.permission is not None:
            _require(rule, identity)
            if scope["method"] not in SAFE_METHODS and "authorization" not in headers:
                _require_own_page(headers)
        return window

    def _take_slot(self, slots: ExitStack, rule: Rule, identity: Identity | None, scope: Scope) -> None:
        limits = self._service.settings.limits
        if identity is None or identity is AT_HOME:
            return
        if _is_stream(scope):
            slots.enter_context(self._slots.one("streams", identity.actor.id, limits.streams))
        elif rule.rate == "upload":
            slots.enter_context(self._slots.one("uploads", identity.actor.id, limits.uploads))

    async def _pass_on(
        self, scope: Scope, receive: Receive, send: Send, rule: Rule, window: Window | None, headers: Headers
    ) -> None:
        status = 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if window is not None:
                    MutableHeaders(scope=message).update(window.headers)
            await send(message)

        try:
            if _is_stream(scope) and scope[IDENTITY] is not AT_HOME:
                await self._stream(scope, receive, sending, headers)
            else:
                await self._app(scope, receive, sending)
        finally:
            if rule.audited:
                await self._note(scope, status)

    async def _stream(self, scope: Scope, receive: Receive, send: Send, headers: Headers) -> None:
        """Let a stream run until it ends, or until who asked for it is shut out."""
        streaming = asyncio.ensure_future(self._app(scope, receive, send))
        watching = asyncio.ensure_future(self._shut_out(scope[IDENTITY], headers))
        try:
            await asyncio.wait({streaming, watching}, return_when=asyncio.FIRST_COMPLETED)
            if streaming.done():
                streaming.result()
                return
        finally:
            await cancelled(streaming, watching)
        await send({"type": "http.response.body", "body": b""})

    async def _shut_out(self, identity: Identity, headers: Headers) -> None:
        """Return when this is no longer who comes with these headers."""
        with self._service.identities.changes() as changed:
            while await self._still(identity, headers):
                await within(changed, RECHECK_SECONDS)
                changed.clear()

    async def _still(self, before: Identity, headers: Headers) -> bool:
        try:
            now = await self._identified(headers)
        except UnauthenticatedError:
            return False
        except VideoChatError:  # nobody can say now; the database will be back
            return True
        return now is not None and _rights(now) == _rights(before)

    async def _note(self, scope: Scope, status: int) -> None:
        identity: Identity | None = scope[IDENTITY]
        route = getattr(scope.get("route"), "path", "unknown")
        who = identity.actor.id if identity else "stranger"
        await self._service.audit.note(who, f"{scope['method']} {route}", scope["path"], str(status), _address(scope))


def _rights(identity: Identity) -> tuple[object, ...]:
    return identity.actor.id, identity.actor.permissions, identity.actor.lent


def _require(rule: Rule, identity: Identity | None) -> None:
    if identity is None:
        raise UnauthenticatedError
    if rule.permission not in identity.actor.permissions:
        raise DeniedError("Your account or key may not do this.", code="not_permitted")
    if rule.by_person and identity.kind not in {"session", None}:
        raise DeniedError("This takes a person who is signed in, not a key.", code="not_permitted")


def _require_own_page(headers: Headers) -> None:
    """Refuse what a page of somebody else could have sent with our cookie; the doorkeeper has compared the origin."""
    if "origin" not in headers and headers.get("sec-fetch-site") != "same-origin":
        raise DeniedError("With a cookie this takes the header Origin, as browsers send it.", code="csrf")


def _is_stream(scope: Scope) -> bool:
    path: str = scope["path"]
    return path.startswith("/api/") and path.endswith("/events")


def _cookies(headers: Headers) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(headers.get("cookie", "")).items()}
    except CookieError:
        return {}


def _address(scope: Scope) -> str:
    return scope["client"][0] if scope.get("client") else ""
