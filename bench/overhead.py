"""What the service does around a route costs: processor time of a request more than on a bare FastAPI, and how many times as much.

    python bench/overhead.py

`GET /api/system` through everything that `videochat serve` puts around it – request id, log line, metrics, host and origin,
who asks, how often, validators – with accounts, as a browser with a session and as a program with a key; and the same route
with the same body on a FastAPI with nothing around it. All three are asked in turn in one process, without a network, in
blocks so short that other work on the machine meets all; what is counted is this process's processor time and not the clock's.
Log lines are JSON and are written into the file and to stderr, as in production, and counted. Prints one JSON line with
`cpu_ms_over_bare`, the larger of both, and the ratio last.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from fastapi import FastAPI

from harness.report import progress, publish, require
from videochat.access.service import Client
from videochat.app import App, open_app
from videochat.ops.logging import configure_logging
from videochat.settings import Settings
from videochat.web.routes import system
from videochat.web.server import create_api

TARGET_MS = 0.6
ROUTE = "/api/system"
ROUNDS, BLOCK = 100, 30  # requests of a block are measured together: the clock of the processor has a grain
WARM_ROUNDS = 5
OFTEN = "1000000/second"  # counted as any rate is, and never reached

Message = MutableMapping[str, Any]
Api = Callable[[Any, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Side:
    """An application, and the headers with which it is asked."""

    name: str
    api: Api
    headers: tuple[tuple[bytes, bytes], ...] = ()

    async def ask(self) -> tuple[int, bytes]:
        """Return status and body of the answer."""
        status, body = 0, b""

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            nonlocal status, body
            status = message.get("status", status)
            body += message.get("body", b"")

        await self.api(self._scope(), receive, send)
        return status, body

    def _scope(self) -> Message:
        return {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "method": "GET",
            "path": ROUTE, "raw_path": ROUTE.encode(), "root_path": "", "query_string": b"", "state": {},
            "client": ("127.0.0.1", 50_000), "server": ("127.0.0.1", 8000),
            "headers": [(b"host", b"127.0.0.1:8000"), (b"accept", b"*/*"), *self.headers],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Costs:
    """Milliseconds of processor time of a request, one number for each block, in the order in which they were measured."""

    bare: tuple[float, ...]
    ours: tuple[float, ...]

    @property
    def over_bare(self) -> float:
        """The median of what each block took more than the bare one next to it."""
        return median(ours - bare for ours, bare in zip(self.ours, self.bare, strict=True))

    @property
    def ratio(self) -> float:
        return median(self.ours) / median(self.bare)


def main() -> None:
    publish(measure)


def measure() -> dict[str, object]:
    with tempfile.TemporaryDirectory() as name, Path(os.devnull).open("w") as nowhere, redirect_stderr(nowhere):
        return asyncio.run(_measured(Path(name)))


async def _measured(folder: Path) -> dict[str, object]:
    settings = Settings(
        data_dir=folder, database={"url": f"sqlite:///{folder / 'videochat.db'}"}, auth={"mode": "users"},
        limits={"read": OFTEN}, log={"level": "INFO", "format": "json", "files": True},
    )  # fmt: skip
    configure_logging(settings, "web")
    async with open_app(settings) as app:
        sides = await _sides(app)
        expected = await _equal_answers(sides)
        before = _lines(folder)
        taken = await _blocks(sides, expected)
        written = _lines(folder) - before
    asked = 2 * BLOCK * (ROUNDS + WARM_ROUNDS)
    require(written == asked, f"{written} log lines were written for {asked} requests")
    costs = {side.name: Costs(taken["bare"], taken[side.name]) for side in sides if side.name != "bare"}
    return {"requests": ROUNDS * BLOCK, "log_lines": written, **summary(costs)}


def summary(costs: dict[str, Costs]) -> dict[str, object]:
    """Return what each way to come in costs, and the dearest of them."""
    over = round(max(cost.over_bare for cost in costs.values()), 3)
    bare = median(next(iter(costs.values())).bare)
    sides = {
        name: {"cpu_ms": round(median(cost.ours), 3), "over_bare": round(cost.over_bare, 3)}
        for name, cost in costs.items()
    }
    return {
        "bare_cpu_ms": round(bare, 3),
        **sides,
        "target": TARGET_MS,
        "met": over <= TARGET_MS,
        "cpu_ms_over_bare": over,
        "ratio": round(max(cost.ratio for cost in costs.values()), 2),
    }


async def _sides(app: App) -> list[Side]:
    """Return the bare application, and ours as somebody with a session and as a program with a key."""
    bare = FastAPI()
    bare.state.app = app
    bare.include_router(system.router)
    user = await app.access.add_user("ann", "admin", "correct horse battery")
    session = await app.access.open_session(user, Client("127.0.0.1", "a browser"))
    key, _ = await app.access.add_key(user.id, "a program", ["read"], None)
    api = create_api(app)
    return [
        Side("bare", bare),
        Side("session", api, ((b"cookie", f"videochat_session={session.text}".encode()),)),
        Side("key", api, ((b"authorization", f"Bearer {key.text}".encode()),)),
    ]


async def _equal_answers(sides: Sequence[Side]) -> tuple[int, bytes]:
    """Return what all sides answer. Raises InvalidMeasureError when they do not do the same."""
    answers = [await side.ask() for side in sides]
    require(all(answer == answers[0] for answer in answers), f"the answers differ: {answers}")
    require(answers[0][0] == 200, f"the answer is no success: {answers[0]}")
    return answers[0]


async def _blocks(sides: Sequence[Side], expected: tuple[int, bytes]) -> dict[str, tuple[float, ...]]:
    """Ask all sides block by block, first one and then another, and return the milliseconds of each block's requests."""
    taken: dict[str, list[float]] = {side.name: [] for side in sides}
    for turn in range(WARM_ROUNDS + ROUNDS):
        if turn == WARM_ROUNDS:
            progress("measuring")
        for k in range(len(sides)):
            side = sides[(turn + k) % len(sides)]
            taken[side.name].append(await _block(side, expected))
    return {name: tuple(values[WARM_ROUNDS:]) for name, values in taken.items()}


async def _block(side: Side, expected: tuple[int, bytes]) -> float:
    gc.collect()  # what others left is not to be cleared away at this side's cost
    began = time.process_time()
    answers = [await side.ask() for _ in range(BLOCK)]
    seconds = time.process_time() - began
    require(all(answer == expected for answer in answers), f"an answer of {side.name} differs")
    return seconds / BLOCK * 1000


def _lines(folder: Path) -> int:
    """Return how many lines about requests for the route there are in the log files."""
    lines = (line for path in (folder / "logs").glob("*") for line in path.read_text().splitlines())
    return sum(json.loads(line).get("route") == ROUTE for line in lines)


if __name__ == "__main__":
    main()
