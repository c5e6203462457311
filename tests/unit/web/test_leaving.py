"""Work for somebody who waits on an open connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from videochat.errors import LeftError, ProviderError
from videochat.web.leaving import DONE, Events, event_of, while_there


class Line:
    """A connection whose client leaves when the test says so."""

    def __init__(self) -> None:
        self.left = asyncio.Event()
        self.sent: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    @property
    def text(self) -> str:
        return "".join(message.get("body", b"").decode() for message in self.sent)


class Source:
    """Events that end as the test wants, and whether they were closed."""

    def __init__(self, *events: str, then: Exception | None = None, hang: bool = False) -> None:
        self.events, self.then, self.hang, self.closed = events, then, hang, False

    async def __call__(self) -> AsyncGenerator[str, None]:
        try:
            for event in self.events:
                yield event
            if self.hang:
                await asyncio.Event().wait()
            if self.then is not None:
                raise self.then
        finally:
            self.closed = True


async def answer(events: Events, line: Line) -> None:
    await events({"type": "http"}, line.receive, line.send)


async def test_work_ends_when_its_client_leaves() -> None:
    """And what it gives, or raises, comes back when they stay."""
    line, working = Line(), asyncio.Event()

    async def work() -> str:
        try:
            await asyncio.sleep(0 if line.sent else 60)
        finally:
            working.set()
        return "done"

    line.left.set()
    with pytest.raises(LeftError):
        await while_there(line.receive, work())
    assert working.is_set()
    line.left.clear()
    line.sent.append({})
    assert await while_there(line.receive, work()) == "done"

    async def fail() -> None:
        raise ProviderError

    with pytest.raises(ProviderError):
        await while_there(line.receive, fail())


async def test_events_end_with_done() -> None:
    """The answer begins with the first event and says at its end that this is the end."""
    line, source = Line(), Source(event_of({"a": "ä"}), event_of({"b": 2}))
    await answer(Events(source()), line)
    assert line.sent[0]["status"] == 200
    assert line.text == f'data: {{"a": "ä"}}\n\ndata: {{"b": 2}}\n\n{DONE}'
    assert line.sent[-1]["more_body"] is False


async def test_an_error_before_the_first_event_is_one() -> None:
    """Nothing is sent, so that it gets a status of its own; later it is an event in place of the end."""
    line = Line()
    with pytest.raises(ProviderError):
        await answer(Events(Source(then=ProviderError())()), line)
    assert line.sent == []
    await answer(Events(Source("data: 1\n\n", then=ProviderError("Broken."))()), line)
    assert '"message": "Broken."' in line.text
    assert "[DONE]" not in line.text


@pytest.mark.parametrize("events", [(), ("data: 1\n\n",)])
async def test_who_leaves_is_told_nothing_more(events: tuple[str, ...]) -> None:
    """The source is closed first, and then what was begun for them is stopped."""
    line, source = Line(), Source(*events, hang=True)
    seen: list[bool] = []

    async def stop() -> None:
        seen.append(source.closed)

    answering = asyncio.create_task(answer(Events(source(), stop), line))
    while len(line.sent) < 2 * len(events):
        await asyncio.sleep(0)
    line.left.set()
    (outcome,) = await asyncio.gather(answering, return_exceptions=True)
    assert isinstance(outcome, LeftError) is not bool(events)
    assert seen == [True]
    assert "[DONE]" not in line.text
