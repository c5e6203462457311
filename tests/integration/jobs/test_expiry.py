"""What was made from a recording and nothing needs any more goes, and nothing else: real databases, decoding and recogniser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from integration.jobs.test_chores import age
from integration.jobs.test_recordings import (
    OTHER,
    Missing,
    ended,
    fetch_nothing,
    heard,
    settings_for,
    submit,
    words,
    workers,
)
from recordings import lecture_wav
from videochat.app import App, open_app
from videochat.jobs.job import Job
from videochat.jobs.parameters import freeze
from videochat.media.media import Media
from videochat.ops.actor import LOCAL
from videochat.transcripts.choose import EngineChooser
from waiting import until


@pytest.fixture
async def app(database_url: str, tmp_path: Path) -> AsyncIterator[App]:
    async with open_app(settings_for(database_url, tmp_path)) as opened:
        yield opened


@pytest.fixture
async def media(app: App, tmp_path: Path) -> Media:
    media, _ = await app.media.add_file(LOCAL, lecture_wav(tmp_path / "speech.wav", 12))
    return media


async def submit_other(app: App, media: Media) -> Job:
    """Ask for the recording in windows of another length and with another parameter."""
    parameters = {**freeze(app.settings, beam_size=3), "windows": [6, 12]}
    return await app.jobs.submit(LOCAL, media, parameters)


async def artefacts(app: App) -> set[str]:
    async with app.database.read() as session:
        return set(await session.scalars(text("SELECT key FROM artefacts")))


def files(app: App) -> set[Path]:
    return {path for path in (app.settings.data_dir / "blobs").rglob("*") if path.is_file()}


def content(app: App, media: Media) -> Path:
    return app.settings.data_dir / "blobs" / app.media.content(media)


class KilledError(Exception):
    """Stands for a signal that ends the process."""


async def remove(app: App) -> int:
    """Do the chore as if all jobs had ended long ago."""
    return await app.expiry().remove(days=-1)


async def test_what_no_transcript_needs_goes_and_the_rest_stays(app: App, media: Media, tmp_path: Path) -> None:
    """After its time everything of an earlier job is gone; of the newest nothing is, and the same work costs no engine."""
    async with workers(app):
        await ended(app, await submit_other(app, media))
        old, old_files = await artefacts(app), files(app) - {content(app, media)}
        job = await ended(app, await submit(app, media))
        new, new_files = await artefacts(app) - old, files(app) - old_files
        assert await app.expiry().remove(days=1) == 0
        assert await artefacts(app) == old | new
        assert await remove(app) > 0
        assert (await artefacts(app), files(app)) == (new, new_files)
        assert await remove(app) == 0
        listened = heard(app)
        theirs, _ = await app.media.add_file(OTHER, tmp_path / "speech.wav")
        again = await ended(app, await submit(app, theirs, OTHER))
    assert heard(app) == listened
    assert await words(app, again) == await words(app, job) != []


async def test_a_worker_removes_it_by_itself(app: App, media: Media) -> None:
    """Nobody has to ask: a month after the last job, what its transcript does not need leaves the table of artefacts."""
    async with workers(app):
        await ended(app, await submit_other(app, media))
        old = await artefacts(app)
        await ended(app, await submit(app, media))
        new = await artefacts(app) - old

    async def is_removed() -> bool:
        return await artefacts(app) == new

    await age(app.database, "chores", "due_at", 2)
    await age(app.database, "jobs", "changed_at", app.settings.retention.derived_days + 1)
    assert await artefacts(app) == old | new
    async with workers(app):
        await until(is_removed)


async def test_nothing_goes_while_a_job_may_need_it(app: App, media: Media) -> None:
    """A job that waits or stands still keeps all that was made from its recording; when it was cancelled, that goes."""
    async with workers(app):
        await ended(app, await submit_other(app, media))
        await ended(app, await submit(app, media))
    everything = await artefacts(app), files(app)
    job = await submit_other(app, media)
    assert await remove(app) == 0
    await app.jobs.pause(LOCAL, job.id)
    assert await remove(app) == 0
    assert (await artefacts(app), files(app)) == everything
    await app.jobs.cancel(LOCAL, job.id)
    assert await remove(app) > 0


async def test_what_a_killed_worker_left_half_removed_goes_the_next_time(
    app: App, media: Media, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the two steps it has doubled and lost nothing: the same windows can be cut again, and the rest goes."""

    async def killed(*_: object) -> None:
        raise KilledError

    async with workers(app):
        await ended(app, await submit_other(app, media))
        await ended(app, await submit(app, media))
        with monkeypatch.context() as patched, pytest.raises(KilledError):
            patched.setattr("videochat.jobs.expiry.windows.remove", killed)
            await remove(app)
        other = await ended(app, await submit_other(app, media))
        assert other.status == "completed"
        both = files(app)
        await remove(app)
        plan = app.media.plan(media, 6, 12)
        assert other.windows is not None
        for n in range(other.windows):
            window = await app.media.window(plan, n)
            assert window is not None
            assert app.settings.data_dir / "blobs" / window.blob in both & files(app)
    async with app.database.read() as session:
        kept = await session.scalar(text("SELECT count(DISTINCT plan) FROM windows"))
    assert kept == 1


async def test_a_machine_that_lacks_the_engine_removes_nothing(app: App, media: Media) -> None:
    """It cannot tell under which keys the texts of the transcript are, so it leaves them to the others."""
    async with workers(app):
        await ended(app, await submit_other(app, media))
        await ended(app, await submit(app, media))
    lacking = replace(app, chooser=EngineChooser({"pocketsphinx": Missing}, fetch_nothing))
    assert await remove(lacking) == 0
    assert await remove(app) > 0
