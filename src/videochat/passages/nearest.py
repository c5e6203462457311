"""Finding passages by their meaning: an embedder for queries, and the vectors of passages in memory.

Whatever fails or is slow, the search goes on by words after a second at most. Loaded only where an embedder is chosen: the
libraries that count with vectors take a while.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import structlog

from videochat.errors import EmbedderUnavailableError, NotYetError, VideoChatError
from videochat.ops.breaker import Breaker
from videochat.ops.metrics import Metrics
from videochat.ops.tasks import cancelled
from videochat.passages import vector_repository
from videochat.passages.embedder import Embedder, vectors_of
from videochat.passages.meaning import Near
from videochat.passages.vectors import FORM, Block, Floats, Shelf, direction
from videochat.store.fingerprint import fingerprint
from videochat.store.session import Database

log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 1.0  # that a search waits for its meaning
FRESH_SECONDS = 5.0  # after which it is looked again which vectors there are
MOST_QUERIES = 500  # whose vectors are kept
NOT_READ = "not read yet"  # the state before vectors were read for the first time


def model_of(embedder: Embedder) -> str:
    """Return under which name the embedder's vectors are stored."""
    return fingerprint("vectors", embedder=embedder.name, model=embedder.model, form=FORM)


@dataclass(frozen=True, slots=True)
class VectorAim:
    """The direction of a query, and the vectors that there were."""

    vector: Floats
    shelf: Shelf
    state: str

    async def nearest(self, transcripts: Collection[str], limit: int) -> list[Near]:
        return await asyncio.to_thread(self.shelf.nearest, self.vector, transcripts, limit)


class Nearest:
    """Aims at what queries mean. Reads vectors anew, those that are not known yet, when they are asked for."""

    def __init__(self, database: Database, embedder: Embedder, metrics: Metrics, max_bytes: int) -> None:
        self.embedder = embedder
        self.model = model_of(embedder)
        self._database = database
        self._metrics = metrics
        self._max_bytes = max_bytes
        self._breaker = Breaker(unavailable=EmbedderUnavailableError, who="The embedder")
        self._shelf, self._state = Shelf(self.model), NOT_READ
        self._aims: OrderedDict[str, Floats] = OrderedDict()
        self._reading: asyncio.Task[None] | None = None
        self._read_at = -FRESH_SECONDS
        self._left_out = 0
        self._retiring: set[asyncio.Task[None]] = set()

    @property
    def state(self) -> str:
        self._keep_fresh()
        return self._state

    @property
    def failing(self) -> bool:
        return self._breaker.failing

    def use(self, embedder: Embedder) -> None:
        # Whoever still waits for the one before finds it unavailable, and goes on by words or tries again.
        retiring = asyncio.create_task(self.embedder.close(), name="embedder-retiring")
        self._retiring.add(retiring)
        retiring.add_done_callback(self._retiring.discard)
        self.embedder = embedder

    async def aim(self, query: str) -> VectorAim | None:
        started, outcome = time.perf_counter(), "left"
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._once_read()
                vector = await self._vector(query)
            outcome = "ok"
            return VectorAim(vector, self._shelf, self._state)
        except TimeoutError:
            outcome = "slow"
        except VideoChatError as error:
            outcome = error.reason
        finally:
            self._metrics.meaning_searches.labels(outcome).inc()
            self._metrics.meaning_seconds.observe(time.perf_counter() - started)
        log.warning("search.by_words_alone", reason=outcome)
        return None

    async def refresh(self) -> None:
        """Read the vectors that are not known, and forget those that are no more. Raises what the database raises."""
        async with self._database.read() as session:
            counts = await vector_repository.counts(session, self.model)
            width = await vector_repository.width(session, self.model)
        wanted = self._fitting(counts, width)
        known = {key: one for key, one in self._shelf.blocks.items() if wanted.get(key) == one.count}
        for transcript in wanted.keys() - known.keys():
            async with self._database.read() as session:
                rows = await vector_repository.of_transcript(session, self.model, transcript)
            known[transcript] = await asyncio.to_thread(Block.of, rows)
        shelf = Shelf(self.model, known)
        self._shelf, self._state = shelf, await asyncio.to_thread(lambda: shelf.state)

    async def close(self) -> None:
        if self._reading is not None:
            await cancelled(self._reading)
        await asyncio.gather(*self._retiring, return_exceptions=True)
        await self.embedder.close()

    def _fitting(self, counts: Mapping[str, int], width: int) -> dict[str, int]:
        """Return the newest transcripts whose vectors fit into the memory that may be used."""
        room, wanted = self._max_bytes, {}
        for transcript, count in counts.items():
            room -= count * (width + 12)  # its id and its length are kept beside it
            if room < 0:
                break
            wanted[transcript] = count
        left_out = len(counts) - len(wanted)
        if left_out > self._left_out:
            log.warning("vectors.left_out", transcripts=left_out, setting="AI__EMBEDDING_MAX_BYTES")
        self._left_out = left_out
        return wanted

    def _keep_fresh(self) -> None:
        if time.monotonic() - self._read_at >= FRESH_SECONDS and (self._reading is None or self._reading.done()):
            self._reading = asyncio.create_task(self._read(), name="vectors-reading")

    async def _read(self) -> None:
        try:
            await self.refresh()
        except VideoChatError as error:
            log.warning("vectors.unread", code=error.reason)
        self._read_at = time.monotonic()

    async def _once_read(self) -> None:
        self._keep_fresh()
        if self._state == NOT_READ and self._reading is not None:
            await asyncio.shield(self._reading)
        if self._state == NOT_READ:
            raise NotYetError(code="vectors_unread")

    async def _vector(self, query: str) -> Floats:
        """Return the direction of the query. Raises EmbedderError."""
        if query in self._aims:
            self._aims.move_to_end(query)
            return self._aims[query]
        [vector] = await self._asked(query)
        self._aims[query] = direction(vector)
        if len(self._aims) > MOST_QUERIES:
            self._aims.popitem(last=False)
        return self._aims[query]

    async def _asked(self, query: str) -> list[list[float]]:
        self._breaker.enter()
        # Unless it turns out otherwise: whoever stops waiting found it too slow.
        failure: VideoChatError | None = EmbedderUnavailableError()
        try:
            found = await vectors_of(self.embedder, [query])
            failure = None
        except VideoChatError as error:
            failure = error
            raise
        finally:
            self._breaker.leave(failure, answered=failure is None)
        return found
