"""Gives passages their vectors, some at a time: those of new recordings, and all that were there before an embedder was chosen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog

from videochat.errors import EmbedderError
from videochat.ops.metrics import Metrics
from videochat.passages import vector_repository
from videochat.passages.embedder import HARMLESS, Embedder, vectors_of
from videochat.passages.nearest import model_of
from videochat.passages.vector_repository import Bare
from videochat.passages.vectors import narrowed
from videochat.store.session import Database

log = structlog.get_logger(__name__)

AT_ONCE = 64  # passages of one batch
MOST_CHARACTERS = 4_000  # of a passage that are looked at; only an engine that stammers makes longer ones
REFUSED = b""  # stands where a vector would


class Backfill:
    """Looks for passages without a vector. What others have computed of the same text is taken over and not computed again."""

    def __init__(self, database: Database, embedder: Callable[[], Embedder], metrics: Metrics) -> None:
        self._database = database
        self._embedder = embedder
        self._metrics = metrics
        self._model = model_of(embedder())

    async def is_due(self) -> bool:
        async with self._database.read() as session:
            progress = await vector_repository.progress(session, self._model)
        return progress.embedded < progress.passages

    async def batch(self) -> int:
        """Give up to 64 passages, the newest ones, their vectors; return how many there were. Raises EmbedderError."""
        async with self._database.read() as session:
            bare = await vector_repository.bare(session, self._model, AT_ONCE)
            texts = {one.digest: one.text for one in bare}
            known = await vector_repository.known(session, self._model, texts)
        made = await self._made({digest: text for digest, text in texts.items() if digest not in known})
        await self._store(bare, known, "taken over")
        await self._store(bare, made, "computed")
        return len(bare)

    async def _made(self, texts: Mapping[str, str]) -> dict[str, bytes]:
        if not texts:
            return {}
        try:
            return await self._embedded(texts)
        except EmbedderError as error:
            if error.retryable:
                raise
            log.warning("embedder.refused", texts=len(texts), code=error.reason)
            # One text that it does not take must not keep the others waiting for ever; a wrong key is another matter.
            await self._embedder().embed([HARMLESS])
            return await self._one_by_one(texts)

    async def _one_by_one(self, texts: Mapping[str, str]) -> dict[str, bytes]:
        made: dict[str, bytes] = {}
        for digest, text in texts.items():
            try:
                made |= await self._embedded({digest: text})
            except EmbedderError as error:
                if error.retryable:
                    raise
                made[digest] = REFUSED
        return made

    async def _embedded(self, texts: Mapping[str, str]) -> dict[str, bytes]:
        vectors = await vectors_of(self._embedder(), [text[:MOST_CHARACTERS] for text in texts.values()])
        narrow = await asyncio.to_thread(lambda: [narrowed(vector) for vector in vectors])
        return dict(zip(texts, narrow, strict=True))

    async def _store(self, bare: Sequence[Bare], vectors: Mapping[str, bytes], how: str) -> None:
        if vectors:
            async with self._database.write() as session:
                stored = await vector_repository.store(session, self._model, bare, vectors)
            self._metrics.embedded.labels(how).inc(stored)
