"""Who comes in, and how often: each request is given an identity here, or an answer that says what is missing."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from videochat.access.identity import AT_HOME, Identity
from videochat.access.tokens import Kind
from videochat.app import App
from videochat.errors import DeniedError, UnauthenticatedError, VideoChatError
from videochat.ops.tasks import cancelled
from videochat.store.feed import within
from videochat.web.budgets import budgets_of, count, require_room
from videochat.web.leaving import event_of
from videochat.web.limits import Rates, Window
from videochat.web.problems import OPENAI, answer_to, error_for_openai
from videochat.web.rules import SAFE_METHODS, Rule, rule_for
from videochat.web.slots import Slots

IDENTITY = "videochat.identity"  # in the scope: who asks, None for a stranger
ENTERED = "videochat.entered"  # in the scope: the id of who has come in by this request
REFUSED = "videochat.refused"  # in the scope: the status of an error that the route tells in another way
SESSION_COOKIE = "videochat_session"
LINK_COOKIE = "videochat_link"
SHUT_OUT = "What you may do here has changed meanwhile."
RECHECK_SECONDS = 60.0  # while a stream is open: its session may have run out


class Gate:
    """Lets in who may come in. Without accounts (AUTH__MODE=none) everybody is the local user."""

    def __init__(self, app: ASGIApp, service: App, rates: Rates, slots: Slots) -> None:
        self._app = app
        self._service = service
        self._rates = rates
        self._slots = slots

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        rule, headers = self._rule(scope), Headers(scope=scope)
        window: Window | None = None

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and window is not None:
                MutableHeaders(scope=message).update(window.headers)
            await send(message)

        try:
            identity, mistake = await self._known(headers)
            scope[IDENTITY] = identity
            window = await count(self._service, self._rates, rule, identity, _address(scope))
            require_room(self._service, rule, window)
            if mistake is not None:
                raise mistake
            self._let_in(rule, identity, scope, headers)
            async with AsyncExitStack() as slots:
                await self._take_slot(slots, rule, identity, scope)
                await self._pass_on(scope, receive, sending, rule, headers)
        except VideoChatError as error:
            await answer_to(scope, error)(scope, receive, sending)

    def _rule(self, scope: Scope) -> Rule:
        rule = rule_for(scope["method"], scope["path"])
        if scope["path"] == "/metrics" and self._service.settings.metrics.token is not None:
            return replace(rule, permission=None)  # it has a token of its own
        return rule

    async def _known(self, headers: Headers) -> tuple[Identity | None, UnauthenticatedError | None]:
        """Return who asks, or what is wrong with how they say it: that is counted too, else guesses would cost nothing."""
        try:
            return await self._identified(headers), None
        except UnauthenticatedError as error:
            return None, error

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

    def _let_in(self, rule: Rule, identity: Identity | None, scope: Scope, headers: Headers) -> None:
        """Raise what keeps this request out."""
        if rule.permission is None or identity is AT_HOME:
            return
        _require(rule, identity)
        if scope["method"] not in SAFE_METHODS and "authorization" not in headers:
            _require_own_page(headers)

    async def _take_slot(self, slots: AsyncExitStack, rule: Rule, identity: Identity | None, scope: Scope) -> None:
        settings = self._service.settings
        kind = "streams" if _is_stream(scope) else "uploads" if rule.rate == "upload" else None
        if identity is None or identity is AT_HOME or kind is None:
            return
        for budget in budgets_of(identity, settings.auth.mode):
            most = getattr(settings.limits, kind) * budget.times
            await slots.enter_async_context(self._slots.one(kind, budget.who, most))

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send, rule: Rule, headers: Headers) -> None:
        status, begun = 500, False

        async def sending(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
            await send(message)

        try:
            if not _is_long(scope) or scope[IDENTITY] is AT_HOME:
                await self._app(scope, receive, sending)
            elif not await self._stays(scope, receive, sending, headers):
                if not begun:
                    status = 401
                    raise UnauthenticatedError(SHUT_OUT, code="shut_out")
                await send({"type": "http.response.body", "body": _farewell(scope)})
        finally:
            if rule.audited:
                await self._note(scope, status)

    async def _stays(self, scope: Scope, receive: Receive, send: Send, headers: Headers) -> bool:
        """Let a stream run until it ends, or until who asked for it is shut out: then it is False."""
        streaming = asyncio.ensure_future(self._app(scope, receive, send))
        watching = asyncio.ensure_future(self._shut_out(scope[IDENTITY], headers))
        try:
            await asyncio.wait({streaming, watching}, return_when=asyncio.FIRST_COMPLETED)
            if streaming.done():
                streaming.result()
                return True
        finally:
            await cancelled(streaming, watching)
        return False

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
        who = scope.get(ENTERED) or (identity.actor.id if identity else "stranger")
        outcome = str(scope.get(REFUSED, status))
        await self._service.audit.note(who, f"{scope['method']} {route}", scope["path"], outcome, _address(scope))


async def admit(service: App, rates: Rates, rule: Rule, identity: Identity) -> None:
    """Count what the gate has let in as something else too; without accounts everybody may. Raises TooManyError, DeniedError."""
    if service.settings.auth.mode != "none":
        require_room(service, rule, await count(service, rates, rule, identity, ""))
        _require(rule, identity)


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
    return (path.startswith("/api/") and path.endswith("/events")) or path == "/mcp"


def _is_long(scope: Scope) -> bool:
    """Say whether the answer may take so long that who asked may do less at its end."""
    return _is_stream(scope) or (scope["path"].startswith(OPENAI) and scope["method"] == "POST")


def _farewell(scope: Scope) -> bytes:
    """Return the end of a stream whose reader is shut out; OpenAI's clients would take an open end for a whole answer."""
    if _is_stream(scope):
        return b""
    return event_of(error_for_openai(UnauthenticatedError(SHUT_OUT, code="shut_out"))).encode()


def _cookies(headers: Headers) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(headers.get("cookie", "")).items()}
    except CookieError:
        return {}


def _address(scope: Scope) -> str:
    return scope["client"][0] if scope.get("client") else ""
