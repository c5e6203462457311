"""What doctor says of single things."""

from __future__ import annotations

import asyncio
from datetime import date

import pytest

from fake_embedder import FakeEmbedder
from videochat.cli import operate
from videochat.errors import EmbedderUnavailableError

TODAY = date(2026, 11, 1)


@pytest.mark.parametrize(
    ("version", "status", "said"),
    [
        ("2026.10.31", "ok", "yt-dlp 2026.10.31, 1 day old"),
        ("2026.08.03", "ok", "yt-dlp 2026.08.03, 90 days old"),
        ("2026.8.2", "hint", "yt-dlp 2026.8.2, 91 days old. Sites have changed since: `pip install --upgrade yt-dlp`."),
        ("2026.10.31.232815.dev0", "ok", "yt-dlp 2026.10.31.232815.dev0, 1 day old"),
        ("2026.11.2", "ok", "yt-dlp 2026.11.2, 0 days old"),
        ("1.0+ours", "ok", "yt-dlp 1.0+ours"),
        ("2026.13.1", "ok", "yt-dlp 2026.13.1"),
        (None, "hint", "yt-dlp is missing, so no link can be fetched: `pip install yt-dlp`."),
    ],
)
def test_what_fetches_links_is_judged_by_its_age(version: str | None, status: str, said: str) -> None:
    """After 90 days doctor says how to renew it; a version that is no day has no age, and a clock may be slow."""
    assert operate._links(version, TODAY) == operate.Finding("links", status, said)


async def test_an_embedder_that_does_not_answer_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is away is told from one that is slow, for which doctor does not wait long."""
    embedder = FakeEmbedder()
    assert (await operate._meaning(embedder)).status == "ok"
    embedder.error = EmbedderUnavailableError()
    away = await operate._meaning(embedder)
    assert (away.status, away.detail) == ("problem", "fake (fake-1). The embedder cannot be reached or is overloaded.")
    monkeypatch.setattr(operate, "PATIENCE_SECONDS", 0.05)
    embedder.delay = 60
    slow = await asyncio.wait_for(operate._meaning(embedder), 10)
    assert (slow.status, slow.detail) == ("problem", "fake (fake-1). The embedder does not answer within 0.05 seconds.")
