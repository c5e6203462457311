"""People who come, do everything once that can be done with a recording, clean up and leave, over and over."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from harness.followers import END, read_events
from harness.paced import segments_of
from harness.recordings import noise, second_of_noise

PASSWORD = "correct horse battery"
PATIENCE = 60.0  # for one answer of the service, on a busy machine


class UnexpectedError(Exception):
    """The service did not do what a visitor may expect."""


@dataclass(slots=True)
class Visitors:
    """Visits of people who sign in as this user, at each of the servers in turn; what went wrong stands in `errors`."""

    servers: Sequence[str]
    user: str
    requests: Counter[str] = field(default_factory=Counter)
    visits: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    async def come(self, people: int, every: float, seconds: float) -> None:
        """Let so many people come, each so many seconds after they came before, or as soon as they have left."""
        until = time.monotonic() + seconds
        async with asyncio.TaskGroup() as all_of_them:
            for k in range(people):
                all_of_them.create_task(self._again(k * every / people, every, until))

    async def _again(self, first: float, every: float, until: float) -> None:
        await asyncio.sleep(first)
        while (began := time.monotonic()) < until:
            try:
                await self._visit(next(self._numbers))
            except (UnexpectedError, httpx.HTTPError, TimeoutError) as error:
                self.errors[f"{type(error).__name__}: {error}"] += 1
            self.visits += 1
            await asyncio.sleep(max(0.0, began + every - time.monotonic()))

    async def _visit(self, number: int) -> None:
        server = self.servers[number % len(self.servers)]
        headers = {"Origin": server}
        async with httpx.AsyncClient(base_url=server, headers=headers, timeout=PATIENCE, trust_env=False) as client:
            visit = Visit(client, self.requests)
            await visit.ask("POST", "/api/session", json={"name": self.user, "password": PASSWORD})
            async with visit.watching("/api/events"):
                await visit.one_recording(number)
            await visit.ask("DELETE", "/api/session")


@dataclass(frozen=True, slots=True)
class Visit:
    """One person with one browser."""

    client: httpx.AsyncClient
    requests: Counter[str]

    async def one_recording(self, number: int) -> None:
        """Upload a recording that nobody has sent before, read what was heard, find it, ask about it, and delete all."""
        media = (await self.ask("POST", f"/api/media?name={number}.wav", content=second_of_noise(number))).json()
        await self.follow(f"/api/jobs/{media['job']['id']}/events")
        await self.ask("GET", "/api/media?limit=20")
        text = " ".join(segment.text for segment in segments_of(noise(number)))
        transcript = (await self.ask("GET", f"/api/media/{media['id']}/transcript")).json()
        heard = " ".join(segment["text"] for segment in transcript["segments"])
        _expect(heard == text, f"the transcript says {heard!r} instead of {text!r}")
        found = (await self.ask("GET", f"/api/search?q={text}")).json()["items"]
        _expect([hit["media"] for hit in found] == [media["id"]], "the search found something else")
        answer = await self.answer(f"What of {text}?", media["id"])
        await self.ask("DELETE", f"/api/conversations/{answer['conversation']}")
        await self.ask("DELETE", f"/api/media/{media['id']}")

    async def answer(self, question: str, media_id: str) -> dict[str, Any]:
        """Ask, follow the answer to its end and return it."""
        asked = (await self.ask("POST", "/api/answers", json={"question": question, "media": [media_id]})).json()
        await self.follow(f"/api/answers/{asked['id']}/events")
        found: dict[str, Any] = (await self.ask("GET", f"/api/answers/{asked['id']}")).json()
        _expect(found["status"] == "completed", f"an answer is {found['status']}")
        return found

    async def ask(self, method: str, path: str, **given: Any) -> httpx.Response:
        """Send a request. Raises UnexpectedError unless it succeeds."""
        answer = await self.client.request(method, path, **given)
        kind = f"{method} {'/'.join(path.partition('?')[0].split('/')[:3])}"
        self.requests[kind] += 1
        _expect(answer.is_success, f"{kind} was answered with {answer.status_code}")
        return answer

    async def follow(self, path: str) -> None:
        """Read the stream of events to its end."""
        self.requests["streams to their end"] += 1
        async with asyncio.timeout(PATIENCE), self.client.stream("GET", path) as answer:
            _expect(answer.is_success, f"a stream was answered with {answer.status_code}")
            events = [event.type async for event in read_events(answer.aiter_lines())]
        _expect(events[-1:] == [END], "a stream ended without its end")

    @asynccontextmanager
    async def watching(self, path: str) -> AsyncIterator[None]:
        """Have a stream open that has no end, and leave it as a browser does whose tab is closed."""
        self.requests["streams that are left"] += 1
        reading = asyncio.create_task(self._watch(path))
        try:
            yield
        finally:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reading

    async def _watch(self, path: str) -> None:
        async with self.client.stream("GET", path, timeout=None) as answer:
            _expect(answer.is_success, f"a stream was answered with {answer.status_code}")
            async for _ in answer.aiter_lines():
                pass
        raise UnexpectedError("a stream without an end ended")


def _expect(held: bool, otherwise: str) -> None:
    if not held:
        raise UnexpectedError(otherwise)
