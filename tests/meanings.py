"""What tests of search by meaning share: a search with a fake embedder, and the backfill that a worker does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fake_embedder import FakeEmbedder
from videochat.ops.metrics import Metrics
from videochat.passages.backfill import Backfill
from videochat.passages.meaning import Progress
from videochat.passages.nearest import Nearest
from videochat.passages.service import PassageService
from videochat.store.session import Database

MIB = 1024**2


@dataclass(frozen=True)
class Search:
    """One process that searches by meaning."""

    database: Database
    embedder: FakeEmbedder
    nearest: Nearest
    passages: PassageService
    metrics: Metrics

    @property
    def backfill(self) -> Backfill:
        return Backfill(self.database, lambda: self.embedder, self.metrics)

    async def embed_all(self) -> None:
        """Do what a worker would until nothing is left, and read it."""
        while await self.backfill.is_due():
            await self.backfill.batch()
        await self.nearest.refresh()

    async def progress(self) -> Progress | None:
        return await self.passages.progress()

    def outcomes(self) -> dict[str, float]:
        """Return how searches went, by what became of asking for their meaning."""
        found = self.metrics.totals()["videochat_meaning_searches"]
        return {outcome: count for (outcome,), (count,) in found.items()}


@asynccontextmanager
async def search_of(
    database: Database, embedder: FakeEmbedder | None = None, max_bytes: int = MIB
) -> AsyncIterator[Search]:
    """Open a search and close it again."""
    embedder, metrics = embedder or FakeEmbedder(), Metrics()
    nearest = Nearest(database, embedder, metrics, max_bytes)
    passages = PassageService(database, nearest)
    yield Search(database, embedder, nearest, passages, metrics)
    await passages.close()
