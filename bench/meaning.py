"""What finding passages by their meaning adds to a search.

    python bench/meaning.py [--passages N] [--width N] [--queries N]

A library of 1000 recordings with 80,000 passages of a made-up language (`harness/shelf.py`), each with a vector of 1024 random
numbers, on SQLite and, where a server answers (TEST_POSTGRES_URL), on PostgreSQL. 200 queries of two words are searched one after
the other, by words alone and by words and meaning. The embedder answers at once, so its time comes on top: what counts here is
comparing a query with every vector, and all that the search does around that. `compared` are the milliseconds of the first alone,
`read_seconds` how long a process reads all vectors, `blocked` the longest time for which the event loop was held up by a search.
What is found is not judged: the vectors mean nothing. Prints one JSON line. Takes about five minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np

from harness.databases import Kind, available, empty_database
from harness.report import percentile, progress, publish, require
from harness.shelf import vocabulary
from videochat.app import App, open_app
from videochat.media import repository
from videochat.media.media import Media
from videochat.ops.actor import LOCAL
from videochat.ops.logging import configure_logging
from videochat.ops.metrics import Metrics
from videochat.passages import vector_repository
from videochat.passages.nearest import Nearest, VectorAim
from videochat.passages.service import PassageService
from videochat.passages.vectors import narrowed
from videochat.sections import AiSettings
from videochat.settings import Settings
from videochat.store.fingerprint import new_id
from videochat.transcripts.segment import NumberedSegment, Segment

TARGET_MS = 50.0  # for comparing with 80,000 vectors
IN_ONE = 80  # passages of a recording
WORDS, SECONDS = 100, 45.0  # of a passage
ROOM = 1024**3
MIDDLE = range(20, 400)  # ranks of words that are searched for: the most frequent are no use


class Dice:
    """An embedder that answers at once, with any direction."""

    name, model = "dice", "dice"

    def __init__(self, width: int) -> None:
        self._width = width
        self._chance = np.random.default_rng(0)

    @classmethod
    def from_settings(cls, ai: AiSettings) -> Self:
        raise NotImplementedError

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [[*map(float, numbers)] for numbers in self._chance.normal(size=(len(texts), self._width))]

    async def close(self) -> None:
        """Nothing is open."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", type=int, default=80_000)
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--queries", type=int, default=200)
    asked = parser.parse_args()
    publish(partial(measure, asked.passages, asked.width, asked.queries))


def measure(passages: int, width: int, queries: int) -> dict[str, object]:
    tables: dict[Kind, dict[str, object]] = {}
    for kind in available():
        with tempfile.TemporaryDirectory() as name, empty_database(kind, Path(name)) as url:
            tables[kind] = asyncio.run(_on(kind, url, Path(name), (passages, width, queries)))
    worst = max(float(str(table["compared_p95"])) for table in tables.values())
    met = worst < TARGET_MS
    return {"passages": passages, "width": width, **tables, "target_ms": TARGET_MS, "met": met, "compared_p95": worst}


async def _on(kind: Kind, url: str, folder: Path, sizes: tuple[int, int, int]) -> dict[str, object]:
    passages, width, queries = sizes
    progress(f"filling a library on {kind}")
    settings = Settings(data_dir=folder, database={"url": url}, log={"level": "WARNING"})
    configure_logging(settings)
    async with open_app(settings) as app:
        for number in range(passages // IN_ONE):
            await _keep(app, number)
        nearest = Nearest(app.database, Dice(width), Metrics(), ROOM)
        await _embed(app, nearest)
        began = time.perf_counter()
        await nearest.refresh()
        read = time.perf_counter() - began
        words = [" ".join(random.Random(n).sample(vocabulary()[MIDDLE.start : MIDDLE.stop], 2)) for n in range(queries)]
        by_words, by_both = PassageService(app.database), PassageService(app.database, nearest)
        async with _loop_watched() as blocked:
            plain = await _times(words, lambda query: by_words.search(LOCAL, query))
        async with _loop_watched() as blocked_by_both:
            both = await _times(words, lambda query: by_both.search(LOCAL, query))
        compared = await _compared(nearest, words)
        await nearest.close()
    return {
        "read_seconds": round(read, 2),
        "by_words": {**_summary(plain), "blocked": round(max(blocked), 1)},
        "by_words_and_meaning": {**_summary(both), "blocked": round(max(blocked_by_both), 1)},
        "compared": _summary(compared),
        "compared_p95": round(percentile(compared, 0.95), 1),
    }


async def _keep(app: App, number: int) -> None:
    """Store a recording with one passage for each segment."""
    chance, known = random.Random(number), vocabulary()
    weights = [1 / n for n in range(1, len(known) + 1)]
    texts = [" ".join(chance.choices(known, weights, k=WORDS)) + "." for _ in range(IN_ONE)]
    spoken = [Segment(n * SECONDS, (n + 1) * SECONDS, text) for n, text in enumerate(texts)]
    media = Media(
        id=new_id("med"), owner=LOCAL.id, name=f"{number}.wav", kind="audio", mime="audio/x-wav", size=1,
        sha256=str(number).zfill(64), duration=SECONDS * IN_ONE, status="ready", created_at=datetime.now(UTC),
    )  # fmt: skip
    transcript = new_id("tr")
    async with app.database.write() as session:
        await repository.insert(session, media)
        await app.transcripts.open(
            session, transcript, media_id=media.id, engine="made up", model="made up", language=None, basic=False
        )
        numbers = await app.transcripts.append(session, transcript, 0, spoken, transcribed=SECONDS * IN_ONE)
        numbered = [NumberedSegment.of(segment, n) for segment, n in zip(spoken, numbers, strict=True)]
        await app.passages.add(session, media_id=media.id, transcript_id=transcript, window=0, segments=numbered)


async def _embed(app: App, nearest: Nearest) -> None:
    """Store a vector for each passage, as a worker would in more and smaller batches."""
    while True:
        async with app.database.read() as session:
            bare = await vector_repository.bare(session, nearest.model, 1000)
        if not bare:
            return
        made = await nearest.embedder.embed([one.text for one in bare])
        vectors = {one.digest: narrowed(vector) for one, vector in zip(bare, made, strict=True)}
        async with app.database.write() as session:
            await vector_repository.store(session, nearest.model, bare, vectors)


async def _times(queries: Sequence[str], search: Callable[[str], Awaitable[object]]) -> list[float]:
    """Return the milliseconds of each search, after some that do not count."""
    times = []
    for query in [*queries[:5], *queries]:
        began = time.perf_counter()
        require(bool(await search(query)), f"nothing was found for {query}")
        times.append((time.perf_counter() - began) * 1000)
    return times[5:]


async def _compared(nearest: Nearest, queries: Sequence[str]) -> list[float]:
    """Return the milliseconds that comparing alone takes, among all transcripts."""

    async def compare(query: str) -> object:
        aim = await nearest.aim(query)
        require(aim is not None, "there is no aim")
        assert isinstance(aim, VectorAim)
        return await aim.nearest([*aim.shelf.blocks], 20)

    return await _times(queries, compare)


@asynccontextmanager
async def _loop_watched() -> AsyncIterator[list[float]]:
    """Give a list that grows by the milliseconds for which the event loop was late."""
    late = [0.0]

    async def watch() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            late.append((time.perf_counter() - began) * 1000 - 1)

    watching = asyncio.create_task(watch())
    yield late
    watching.cancel()


def _summary(times: Sequence[float]) -> dict[str, float]:
    return {"p50": round(percentile(times, 0.5), 1), "p95": round(percentile(times, 0.95), 1)}


if __name__ == "__main__":
    main()
