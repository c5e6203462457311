"""People and programs who come in over HTTP, each with a client of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from videochat.access.service import Client
from videochat.app import App, open_app
from videochat.settings import Settings
from videochat.web.server import create_api

BASE = "http://127.0.0.1"
PASSWORD = "correct horse battery"


class House:
    """An installation with accounts, and clients of it that are closed with it."""

    def __init__(self, app: App, stack: AsyncExitStack) -> None:
        self.app = app
        self.api: FastAPI = create_api(app)
        self._stack = stack

    async def stranger(self, **headers: str) -> httpx.AsyncClient:
        """Return a client of who has not said who they are; as browsers do, it names the page that it comes from."""
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.api), base_url=BASE, headers={"Origin": BASE, **headers}, timeout=30
        )
        return await self._stack.enter_async_context(client)

    async def person(self, name: str, role: str = "member") -> httpx.AsyncClient:
        """Make an account and return a client that is signed in; the first one administers."""
        user = await self.app.access.add_user(name, role, PASSWORD)  # type: ignore[arg-type]
        token = await self.app.access.open_session(user, Client("127.0.0.1", "a browser"))
        client = await self.stranger()
        client.cookies.set("videochat_session", token.text)
        return client

    async def signed_in(self, name: str, password: str = PASSWORD) -> httpx.AsyncClient:
        client = await self.stranger()
        answer = await client.post("/api/session", json={"name": name, "password": password})
        assert answer.status_code == 200, answer.text
        return client

    async def program(self, key: str) -> httpx.AsyncClient:
        """Return a client with an API key, which says nothing of pages."""
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.api), base_url=BASE, headers={"Authorization": f"Bearer {key}"}
        )
        return await self._stack.enter_async_context(client)


@asynccontextmanager
async def open_house(url: str, folder: Path, **settings: Any) -> AsyncIterator[House]:
    """Open an installation with accounts on an empty database."""
    auth = {"mode": "users", **settings.pop("auth", {})}
    chosen = Settings(data_dir=folder / "data", database={"url": url}, auth=auth, **settings)
    async with AsyncExitStack() as stack:
        yield House(await stack.enter_async_context(open_app(chosen)), stack)


def code(answer: httpx.Response) -> tuple[int, str | None]:
    """Return status and problem code of an answer."""
    problem = answer.headers.get("content-type", "").startswith("application/problem+json")
    return answer.status_code, answer.json()["code"] if problem else None
