"""The table of artefacts counts as a level of the cache: what was found, what had to be made and what went."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import text

from integration.jobs.test_recordings import OTHER, ended, heard, settings_for, submit, workers
from recordings import lecture_wav
from videochat.app import App, open_app
from videochat.ops.actor import LOCAL


def looks(app: App) -> dict[str, Counter[str]]:
    """Return how many looks found something and how many nothing, by the kind of artefact."""
    totals = app.metrics.totals()
    return {
        how: Counter(
            {kind: int(n) for (kind, level), (n,) in totals[f"videochat_cache_{how}"].items() if level == "artefacts"}
        )
        for how in ("hits", "misses")
    }


async def kept(app: App) -> Counter[str]:
    async with app.database.read() as session:
        return Counter(await session.scalars(text("SELECT kind FROM artefacts")))


def evicted(app: App) -> Counter[str]:
    totals = app.metrics.totals()["videochat_cache_evictions"]
    return Counter({kind: int(n) for (kind, *how), (n,) in totals.items() if how == ["artefacts", "expired"]})


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return lecture_wav(tmp_path / "speech.wav", 12)


async def test_work_that_was_done_before_is_a_hit(database_url: str, tmp_path: Path, recording: Path) -> None:
    """New work misses once for the decoding and each window; the same again hits as often, other parameters only in the decoding."""
    async with open_app(settings_for(database_url, tmp_path)) as app, workers(app):
        mine, _ = await app.media.add_file(LOCAL, recording)
        job = await ended(app, await submit(app, mine))
        windows = int(heard(app))
        once, everything = Counter(audio=1), Counter({"audio": 1, "window-transcript": windows})
        assert (job.status, job.windows) == ("completed", windows)
        assert looks(app) == {"hits": Counter(), "misses": everything}
        theirs, _ = await app.media.add_file(OTHER, recording)
        await ended(app, await submit(app, theirs, OTHER))
        assert looks(app) == {"hits": everything, "misses": everything}
        await ended(app, await submit(app, mine, beam_size=3))
        assert looks(app) == {"hits": everything + once, "misses": everything + everything - once}


async def test_what_went_with_its_time_is_an_eviction(database_url: str, tmp_path: Path, recording: Path) -> None:
    """Each artefact that the chore removes counts for its kind, and what stays does not count."""
    async with open_app(settings_for(database_url, tmp_path)) as app, workers(app):
        media, _ = await app.media.add_file(LOCAL, recording)
        await ended(app, await submit(app, media, beam_size=3))
        await ended(app, await submit(app, media))
        before = await kept(app)
        assert evicted(app) == Counter()
        await app.expiry().remove(days=-1)
        gone = before - await kept(app)
        assert set(gone) == {"health", "window-transcript"}
        assert evicted(app) == gone
