"""Middleware of plugins in the real stack: where it stands, in which order, and who is named when it cannot be made."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from harness.plugin import install_plugin
from people import open_house
from videochat.app import open_app
from videochat.errors import ConfigurationError
from videochat.settings import Settings
from videochat.web.server import create_api


class Stamp:
    """Writes its mark, and whom it saw, into a header of the answer. It takes everything for a request, lifespans too."""

    mark = "one"

    def __init__(self, app: ASGIApp, mark: str | None = None) -> None:
        self._app = app
        self._mark = mark or self.mark

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        seen = f"{self._mark} {scope['method']} {scope['videochat.identity'] is not None}"

        async def stamping(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).append("X-Stamp", seen)
            await send(message)

        await self._app(scope, receive, stamping)


class Other(Stamp):
    mark = "two"


@pytest.fixture(autouse=True)
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stamps_of_test.py").write_text(f"from {__name__} import Stamp, Other\n")
    for name, kind in {"one": "Stamp", "two": "Other"}.items():
        install_plugin(tmp_path, name, {"videochat.middleware": f"stamps_of_test:{kind}"})
    monkeypatch.syspath_prepend(tmp_path)


@asynccontextmanager
async def client(folder: Path, **server: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with open_app(Settings(data_dir=folder / "data", server=server)) as app:
        transport = httpx.ASGITransport(create_api(app))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as opened:
            yield opened


async def test_without_the_setting_nobody_stands_in_between(tmp_path: Path) -> None:
    """To be installed is not enough."""
    async with client(tmp_path) as asking:
        assert "x-stamp" not in (await asking.get("/api/media")).headers


async def test_the_first_is_the_outermost(tmp_path: Path) -> None:
    """Who is inner marks the answer first, in the order of the setting, and options reach whom they are for."""
    options = {"two": {"mark": "second"}}
    for order, expected in ((["one", "two"], ["second", "one"]), (["two", "one"], ["one", "second"])):
        async with client(tmp_path, middleware=order, middleware_options=options) as asking:
            for method in ("GET", "HEAD"):
                stamps = (await asking.request(method, "/api/media")).headers.get_list("x-stamp")
                assert stamps == [f"{mark} {method} True" for mark in expected]


async def test_it_sees_who_was_let_in_and_nobody_else(tmp_path: Path) -> None:
    """Whom the gate refuses never reaches it; whom it lets in is in the scope."""
    async with open_house(f"sqlite:///{tmp_path}/x.db", tmp_path, server={"middleware": ["one"]}) as house:
        refused = await (await house.stranger()).get("/api/media")
        assert (refused.status_code, "x-stamp" in refused.headers) == (401, False)
        stranger = await (await house.stranger()).get("/health/live")
        assert stranger.headers["x-stamp"] == "one GET False"
        person = await (await house.person("ann")).get("/api/media")
        assert (person.status_code, person.headers["x-stamp"]) == (200, "one GET True")


async def test_the_start_does_not_go_through_it(tmp_path: Path) -> None:
    """A middleware that knows requests only cannot keep the service from starting as it should."""
    async with open_app(Settings(data_dir=tmp_path / "data", server={"middleware": ["one"]})) as app:
        messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
        said: list[str] = []

        async def receive() -> Message:
            return next(messages)

        async def send(message: Message) -> None:
            said.append(message["type"])

        await create_api(app)({"type": "lifespan"}, receive, send)
        assert said == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_options_that_do_not_fit_are_said_at_the_start(tmp_path: Path) -> None:
    """Before the first request, with the plugin's name and what it says."""
    server = {"middleware": ["one"], "middleware_options": {"one": {"colour": "red"}}}
    async with open_app(Settings(data_dir=tmp_path / "data", server=server)) as app:
        with pytest.raises(ConfigurationError, match=r"'one' of videochat.middleware \(one-plugin 1.0\).*colour"):
            create_api(app)
